"""Results as text, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.jobs import JOBS, Job, Point
from benchmarks.results import Key, Results, Sample

__all__ = ["describe", "tables"]

_COLUMNS = ("CPU us", "spread", "ratio", "requests/s", "p50 us", "p99 us", "busy", "bytes/conn")


def describe(results: Results) -> str:
    """The machine and the versions, in one line."""
    machine = dict(results.machine)
    words = [machine.pop(name) for name in ("date", "cpu", "system", "python")]
    return ", ".join([*words, *(f"{name} {version}" for name, version in machine.items())])


def tables(results: Results) -> str:
    """A table for every job and point; the ratio is CPU to that of the native one.

    The spread is that of the middle half of all samples.
    """
    parts = [describe(results)]
    for job, point, rows in _blocks(results):
        title = f"{job.name}: {point}" if point.connections else job.name
        head = f"{title:<44}" + "".join(f"{column:>12}" for column in _COLUMNS)
        spreads = (results.spread(Key(job.name, name, point)) for name, *_ in rows)
        lines = (_line(*row, spread) for row, spread in zip(rows, spreads, strict=True))
        parts.append("\n".join(["", head, *lines]))
    parts += [f"FAILED: {failure}" for failure in results.failures]
    return "\n".join(parts) + "\n"


def _line(name: str, one: Sample, ratio: float, spread: float) -> str:
    cells = [f"{one.cpu:.2f}", f"{spread:.0%}", f"{ratio:.2f}", f"{one.rate:,.0f}"]
    cells += [f"{one.p50:.0f}", f"{one.p99:.0f}"] if one.p50 else ["", ""]
    cells += [f"{one.busy:.0%}", f"{one.memory:,.0f}" if one.memory else ""]
    return f"  {name:<42}" + "".join(f"{cell:>12}" for cell in cells)


def _blocks(results: Results) -> Iterator[tuple[Job, Point, list[tuple[str, Sample, float]]]]:
    for job in JOBS:
        for point in job.points:
            rows = list(_rows(results, job, point))
            if rows:
                yield job, point, rows


def _rows(results: Results, job: Job, point: Point) -> Iterator[tuple[str, Sample, float]]:
    for contender in job.contenders:
        one = results.median(Key(job.name, contender, point))
        native = results.median(Key(job.name, job.native(contender), point))
        if one is not None:
            yield contender, one, one.cpu / native.cpu if native else float("nan")
