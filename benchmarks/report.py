"""Results as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import targets
from benchmarks.jobs import BARE, JOBS, Job, Point
from benchmarks.results import Key, Results, Sample

__all__ = ["describe", "markdown", "tables"]

_COLUMNS = ("CPU us", "spread", "ratio", "requests/s", "p50 us", "p99 us", "busy", "bytes/conn")


def describe(results: Results) -> str:
    """The machine and the versions, in one line."""
    machine = dict(results.machine)
    words = [machine.pop(name) for name in ("date", "cpu", "system", "python")]
    return ", ".join([*words, *(f"{name} {version}" for name, version in machine.items())])


def tables(results: Results) -> str:
    """A table for every job and point; the ratio is CPU to that of the job's baseline.

    The spread is that of the middle half of all samples.
    """
    parts = [describe(results)]
    for job, point, rows in _blocks(results):
        title = f"{job.name}: {point}" if point.connections else job.name
        head = f"{title:<44}" + "".join(f"{column:>12}" for column in _COLUMNS)
        spreads = (results.spread(Key(job.name, name, point)) for name, *_ in rows)
        lines = (_line(*row, spread) for row, spread in zip(rows, spreads, strict=True))
        parts.append("\n".join(["", head, *lines]))
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
    baseline = results.median(Key(job.name, job.baseline, point))
    for contender in job.contenders:
        one = results.median(Key(job.name, contender, point))
        if one is not None:
            yield contender, one, one.cpu / baseline.cpu if baseline else float("nan")


def markdown(results: Results, charts: list[str]) -> str:
    """Results as Markdown: a table for each job, a column for each point.

    A cell has CPU microseconds; in brackets, their ratio to the baseline's and their spread.

    Args:
        results: What was measured.
        charts: The names of charts, relative to the page.
    """
    parts = [f"Measured on {describe(results)}; medians of {_samples(results)} samples.\n"]
    parts.extend(f"![{Path(chart).stem.replace('-', ' ')}]({chart})\n" for chart in charts)
    parts.append("## Targets\n")
    parts.append(targets.markdown(targets.judge(results)))
    parts.append("## All figures\n")
    for job in JOBS:
        points = [p for p in job.points if any(True for _ in _rows(results, job, p))]
        if points:
            parts.append(_markdown_table(results, job, points))
    return "\n".join(parts)


def _samples(results: Results) -> int:
    return max(map(len, results.samples.values()), default=0)


def _markdown_table(results: Results, job: Job, points: list[Point]) -> str:
    unit = "operation" if job.kind == "work" else "request"
    heads = [str(point) for point in points]
    lines = [
        f"### {job.name}\n",
        f"| CPU µs a{'n' * (unit == 'operation')} {unit} | " + " | ".join(heads) + " |",
        "|---|" + "---:|" * len(points),
    ]
    for contender in job.contenders:
        cells = [_cell(results, job, contender, point) for point in points]
        if any(cells):
            name = contender if contender != BARE else f"*{contender}*"
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(results: Results, job: Job, contender: str, point: Point) -> str:
    key = Key(job.name, contender, point)
    one, baseline = results.median(key), results.median(Key(job.name, job.baseline, point))
    if one is None:
        return ""
    ratio = f"{one.cpu / baseline.cpu:.2f}, " if baseline else ""
    return f"{one.cpu:.1f} ({ratio}±{results.spread(key) / 2:.0%})"
