"""Results as SVG: for each of a few points, a bar for each contender in every job."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from benchmarks.jobs import BARE, JOBS, TORNADO, Job, Point
from benchmarks.report import describe
from benchmarks.results import Key, Results, Sample

__all__ = ["chart", "write_charts"]

_WIDTH = 760
_LABELS = 250
_BARS = 400
_ROW = 22
_GAP = 34
_TOP = 46
_FOOT = 40
_LINE = 120

#: A file name, its title and what it shows.
_CHARTS = (
    ("echo-50", "TCP echo, 50 connections, 1 KiB", "tcp", Point(50, 1024)),
    ("echo-1", "TCP echo, one connection, 1 KiB", "tcp", Point(1, 1024)),
    ("echo-1000", "TCP echo, 1,000 connections, 1 KiB", "tcp", Point(1000, 1024)),
    ("http-50", "HTTP, 50 connections", "http", Point(50)),
    ("tls-50", "TLS echo, 50 connections, 1 KiB", "tls", Point(50, 1024)),
    ("udp-50", "UDP echo, 50 peers, 1 KiB", "udp", Point(50, 1024)),
)

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 16px; font-weight: 600; }
.job { font-weight: 600; }
.note { font-size: 11px; fill: #6e7781; }
.other { fill: #afb8c1; }
.limit { fill: #d0d7de; }
.ours { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note { fill: #8d96a0; }
  .other { fill: #57606a; }
  .limit { fill: #373e47; }
  .ours { fill: #4493f8; }
}
"""

_Group = tuple[Job, list[tuple[str, Sample]]]


def write_charts(results: Results, directory: Path) -> list[Path]:
    """Write a chart for every kind of job that was measured.

    Args:
        results: What was measured.
        directory: Where the files go; it is made if need be.

    Returns:
        The files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, title, kind, point in _CHARTS:
        groups = _groups(results, kind, point)
        if groups:
            path = directory / f"{name}.svg"
            path.write_text(chart(title, groups, describe(results)))
            written.append(path)
    return written


def _groups(results: Results, kind: str, point: Point) -> list[_Group]:
    groups = []
    for job in JOBS:
        if job.kind == kind and point in job.points and not job.name.endswith("idle"):
            found = ((name, results.median(Key(job.name, name, point))) for name in job.contenders)
            rows = [(name, one) for name, one in found if one is not None]
            if rows:
                groups.append((job, rows))
    return groups


def chart(title: str, groups: list[_Group], note: str) -> str:
    """Bars of CPU microseconds a request, all to one scale.

    Args:
        title: The line above the chart.
        groups: For each job, its contenders and their figures.
        note: The machine and the versions; it is broken into lines.
    """
    longest = max(one.cpu for _, rows in groups for _, one in rows)
    notes = list(_wrap(note))
    rows_high = sum(_GAP + _ROW * len(rows) for _, rows in groups)
    height = _TOP + rows_high + _FOOT + 16 * len(notes)
    body: list[str] = []
    top = _TOP
    for job, rows in groups:
        body.extend(_group(job, rows, top, _BARS / longest))
        top += _GAP + _ROW * len(rows)
    body.extend(_text(16, top + 30 + 16 * i, line, "note") for i, line in enumerate(notes))
    heading = f"{title}: CPU microseconds a request (less is better)"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"<title>{escape(heading)}</title>",
            f"<style>{_STYLE}</style>",
            _text(16, 28, heading, "title"),
            *body,
            "</svg>\n",
        ]
    )


def _group(job: Job, rows: list[tuple[str, Sample]], top: int, scale: float) -> Iterator[str]:
    yield _text(16, top + 20, job.name, "job")
    for index, (name, one) in enumerate(rows):
        y = top + _GAP - 4 + index * _ROW
        width = one.cpu * scale
        yield _text(28, y + 13, name)
        yield (
            f'<rect class="{_colour(name)}" x="{_LABELS}" y="{y}" '
            f'width="{width:.1f}" height="{_ROW - 6}" rx="2"/>'
        )
        yield _text(_LABELS + width + 8, y + 13, f"{one.cpu:.1f}")


def _colour(name: str) -> str:
    if name == BARE:
        return "limit"
    return "ours" if name.startswith((TORNADO, "ReactorEventLoop")) else "other"


def _text(x: float, y: float, words: str, style: str = "") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text{kind} x="{x:.0f}" y="{y:.0f}">{escape(words)}</text>'


def _wrap(note: str) -> Iterator[str]:
    line = ""
    for part in note.split(", "):
        if line and len(line) + len(part) > _LINE:
            yield line + ","
            line = part
        else:
            line = f"{line}, {part}" if line else part
    yield line
