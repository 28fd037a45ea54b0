"""Runs a suite in a process of its own, and compares its outcome with that on the native loop."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .loops import NATIVE

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

SECONDS = {"scrapy": 1500}
"""How long a run of a suite may take; 500 seconds if it is not named here."""

Outcomes = dict[str, tuple[str, str]]
"""By the name of a test: its outcome and the traceback or reason that goes with it."""


@dataclass
class Record:
    """The record of one run of a suite.

    ``running`` is the test that it was in when it ended before its time, if it did.
    """

    outcomes: Outcomes = field(default_factory=dict)
    complete: bool = False
    running: str | None = None
    output: str = ""

    @property
    def passed(self) -> int:
        return sum(outcome == "passed" for outcome, _ in self.outcomes.values())

    def summary(self) -> str:
        """The number of tests with each outcome."""
        counts = Counter(outcome for outcome, _ in self.outcomes.values())
        return ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))


def run(suite: str, kind: str, folder: Path, *tests: str) -> Record:
    """Run a suite in a new process.

    Args:
        suite: The first part of the name of its runner: "tornado" for ``tornado_runner``.
        kind: The loop or reactor to run it on, as the runner names it.
        folder: An empty folder, where the process works and keeps its record.
        tests: The tests to run; all, when there are none.
    """
    path = folder / "record.jsonl"
    command = [sys.executable, "-m", f"{__package__}.{suite}_runner", kind, str(path), *tests]
    with (folder / "output.txt").open("w+b") as output:
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                command,
                check=False,  # the record tells
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE.parent}"},
                timeout=SECONDS.get(suite, 500),
            )
        output.seek(0)
        record = read(path)
        record.output = output.read().decode(errors="replace")
    return record


def read(path: Path) -> Record:
    """The record that a runner has written so far."""
    record = Record()
    if not path.exists():
        return record
    for text in path.read_text("utf-8").splitlines():
        line = json.loads(text)
        if "start" in line:
            record.running = line["start"]
        elif "end" in line:
            record.outcomes[line["end"]] = line["outcome"], line["detail"]
            record.running = None
        else:
            record.complete = True
    return record


class NativeRuns:
    """The outcomes of the native loop on this machine: the oracle.

    It is run once for each Python, Twisted, Tornado, user and state of the runners, and kept.

    Args:
        folder: Where to keep it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, suite: str, *tests: str) -> Record:
        """The record of the native run of a suite, or of some of its tests.

        It is run if there is no valid record.
        """
        folder = self._folder / f"{suite}-{_fingerprint(*tests)}"
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / "lock"):  # the workers of one test run share the folder
            path = folder / "record.jsonl"
            record = read(path)
            if not record.complete:
                path.unlink(missing_ok=True)
                record = run(suite, NATIVE, folder, *tests)
        if not record.complete:
            raise RuntimeError(f"the native run of {suite} did not end: {_end(record)}")
        return record


def _fingerprint(*tests: str) -> str:
    facts = [*tests, platform.python_version(), sys.executable, str(os.geteuid())]
    facts += [importlib.metadata.version(name) for name in ("twisted", "tornado")]
    facts += [path.read_text("utf-8") for path in sorted(HERE.glob("*.py"))]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:16]


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def exceptions(suite: str, kind: str) -> dict[str, str]:
    """The reasons why tests may have other outcomes on ours, by the names of the tests.

    A line of the file is ``KIND[,KIND...] | NAME | REASON``; KIND is ``*`` for all. After the
    kinds, ``until 3.13`` names the last Python that it is for.
    """
    reasons = {}
    for line in (HERE / f"{suite}_exceptions.txt").read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            kinds, name, reason = (part.strip() for part in line.split("|", 2))
            kinds, _, last = kinds.partition(" until ")
            here = not last or sys.version_info[:2] <= tuple(map(int, last.split(".")))
            if here and (kinds == "*" or kind in kinds.split(",")):
                reasons[name] = reason
    return reasons


def short_of(native: Record, ours: Record, excepted: dict[str, str]) -> list[str]:
    """The tests that the native loop passes and ours fails, without a reason to."""
    failed = [name for name, (outcome, _) in ours.outcomes.items() if outcome == "failed"]
    passed = {name for name, (outcome, _) in native.outcomes.items() if outcome == "passed"}
    return [name for name in failed if name in passed and name not in excepted]


def repeated(suite: str, kind: str, folder: Path, ours: Record, again: list[str]) -> Record:
    """``ours``, with another run of some of its tests by themselves.

    Some upstream tests give a tenth of a second to what takes a process or a handshake: beside
    another suite on two cores, native loops fail them now and then, too. Whatever really differs
    does so again.
    """
    second = run(suite, kind, folder, *again)
    return Record(ours.outcomes | second.outcomes, second.complete, second.running, second.output)


def differences(native: Record, ours: Record, excepted: dict[str, str]) -> list[str]:
    """The ways in which ours falls short of the native loop, as text; the list should be empty.

    A test that passes on ours is right. One that does not must have the same outcome on the native
    loop, or a reason in the file of exceptions; a reason that is no longer needed must go.
    """
    found = [] if ours.complete else [_end(ours)]
    for name in native.outcomes | ours.outcomes:
        expected, _ = native.outcomes.get(name, ("missing", ""))
        outcome, detail = ours.outcomes.get(name, ("missing", ""))
        fine = outcome in {"passed", expected}
        if not fine and name not in excepted and (ours.complete or outcome != "missing"):
            found.append(f"{name}: {outcome} (native: {expected})\n{detail}")
        if fine and name in excepted:
            found.append(f"{name}: {outcome}, so it needs no exception any more")
    return found


def _end(record: Record) -> str:
    where = f"in {record.running}" if record.running else "between two tests"
    return f"the run broke off {where}\n{record.output[-6000:]}"
