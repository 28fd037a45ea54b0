"""Results: samples, their medians, and the machine."""

from __future__ import annotations

import platform
import statistics
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.jobs import Point

__all__ = ["Key", "Results", "Sample", "describe_machine", "sample"]

_PACKAGES = ("triloop", "twisted", "tornado", "uvloop", "rloop", "aiohttp")


@dataclass(frozen=True)
class Sample:
    """One measurement. CPU and latencies in microseconds, memory in bytes.

    ``busy`` is the share of the time in which the server used its core. Near 1, the requests a
    second are the speed of the server, otherwise that of the load. ``memory`` is for one
    connection.
    """

    cpu: float
    rate: float
    busy: float
    p50: float = 0.0
    p99: float = 0.0
    memory: float = 0.0

    @property
    def time(self) -> float:
        """Microseconds of wall time for a request, over all connections together."""
        return 1e6 / self.rate


@dataclass(frozen=True, order=True)
class Key:
    """A contender, a job and a point."""

    job: str
    contender: str
    point: Point

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.job, self.contender, str(self.point)]))


def sample(
    cpu_ns: float, seconds: float, latencies: list[float], memory: float, parts: float
) -> Sample:
    """The sample of a load that was served. A request is counted as so many ``parts``."""
    requests = len(latencies)
    operations = requests * parts
    ordered = sorted(latencies)
    return Sample(
        cpu=cpu_ns / operations / 1000,
        rate=operations / seconds,
        busy=cpu_ns / seconds / 1e9,
        p50=ordered[requests // 2] * 1e6,
        p99=ordered[requests * 99 // 100] * 1e6,
        memory=memory,
    )


@dataclass
class Results:
    """All samples of a run."""

    machine: dict[str, str]
    seconds: float
    samples: dict[Key, list[Sample]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Go on after an error, with what else is to be measured; :attr:`failures` has it."""
        try:
            yield
        except Exception as problem:  # noqa: BLE001 - a contender may fail in any way
            self.failures.append(f"{what}: {problem!r}")

    def add(self, key: Key, one: Sample) -> None:
        """Keep the sample of one more round."""
        self.samples.setdefault(key, []).append(one)

    def median(self, key: Key) -> Sample | None:
        """The median of each of a sample's figures; None for what was not measured."""
        rounds = self.samples.get(key)
        return _median(rounds) if rounds else None

    def spread(self, key: Key) -> float:
        """The range of the middle half of all CPU figures, as a share of their median."""
        figures = [one.cpu for one in self.samples.get(key, ())]
        if len(figures) < 2:
            return 0.0
        low, middle, high = statistics.quantiles(figures, method="inclusive")
        return (high - low) / middle

    def as_json(self) -> dict[str, Any]:
        """All of it, sample by sample; :meth:`from_json` reads it back."""
        return {
            "machine": self.machine,
            "seconds": self.seconds,
            "failures": self.failures,
            "results": [
                {**asdict(key), "samples": [asdict(one) for one in rounds]}
                for key, rounds in self.samples.items()
            ],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Results:
        """Read the result of :meth:`as_json`."""
        results = cls(data["machine"], data["seconds"], failures=data.get("failures", []))
        for entry in data["results"]:
            key = Key(entry["job"], entry["contender"], Point(**entry["point"]))
            results.samples[key] = [Sample(**one) for one in entry["samples"]]
        return results


def _median(rounds: Iterable[Sample]) -> Sample:
    ones = list(rounds)
    names = [one.name for one in fields(Sample)]
    return Sample(**{name: statistics.median(getattr(one, name) for one in ones) for name in names})


def describe_machine() -> dict[str, str]:
    """Where and with what a run was made."""
    machine = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cpu": _cpu_name(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {sys.version.split()[0]}",
    }
    return machine | {package: _version(package) for package in _PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed, run from its sources"


def _cpu_name() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{len(names)} x {names[0]}" if names else platform.machine()
