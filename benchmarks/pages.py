"""Results as Markdown, for the documentation: what was missed first, then every figure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.jobs import (
    CONTENDERS,
    EPOLL,
    JOBS,
    TORNADO,
    TRADITION,
    TRADITION_UVLOOP,
    Job,
    Point,
)
from benchmarks.reasons import reason
from benchmarks.report import describe
from benchmarks.results import Key, Results
from benchmarks.targets import Verdict, described, judge, missed

__all__ = ["UNEXPLAINED", "awaits", "listing", "page", "table", "with_figures"]

#: What stands in the place of a reason.
UNEXPLAINED = "**no reason is given**"

_LEGEND = """\
Microseconds of CPU time for a request, for a MiB of a download or an upload, or for an operation
where there are no connections; in brackets the ratio to the native loop or reactor, which is the
first of its kind in the row, and how far the middle half of all samples is from the median. What
misses its target is bold. The names of the jobs are those of `--jobs`.
"""


def page(results: Results, charts: list[str]) -> str:
    """The page of the loops.

    Args:
        results: What was measured.
        charts: The names of charts, relative to the page.
    """
    verdicts = judge(results)
    parts = [_source(results), "## What misses its target", _missed(results, verdicts)]
    parts += [f"![{Path(chart).stem.replace('-', ' ')}]({chart})" for chart in charts]
    parts += ["## All figures", _LEGEND, _figures(results, verdicts)]
    parts += [_memory(results), "## All targets", _targets(verdicts)]
    return _joined(parts)


def listing(results: Results) -> str:
    """A page without headings, where requests a second matter too: a line for every figure.

    Args:
        results: What was measured.
    """
    return _joined([_source(results), _missed(results, judge(results)), _lines(results)])


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _source(results: Results) -> str:
    most = max(map(len, results.samples.values()), default=0)
    return f"Measured on {describe(results)}; medians of {most} samples."


def _missed(results: Results, verdicts: list[Verdict]) -> str:
    found = missed(verdicts)
    failed = "".join(f"- failed: {failure}\n" for failure in results.failures)
    count = f"{len(found)} of {len(verdicts)} targets are missed"
    if not found:
        return f"{count}.\n\n{failed}"
    head = ("job", "ours", "µs", "against", "µs", "ratio", "bar", "beyond it by", "why")
    reasons = list(dict.fromkeys(filter(None, (reason(verdict) for verdict in found))))
    rows = (
        [
            *_subject(verdict),
            f"{verdict.ours:.1f}{_spread(results, verdict.target.our_key)}",
            described(verdict.target)[1],
            f"{verdict.other:.1f}{_spread(results, verdict.target.other_key)}",
            f"{verdict.ratio:.2f}",
            _bar(verdict),
            f"{verdict.excess - 1:.0%}",
            f"{reasons.index(why) + 1}" if (why := reason(verdict)) else UNEXPLAINED,
        ]
        for verdict in found
    )
    listed = table(head, rows, left=(0, 1, 3, 8))
    told = "\n".join(f"{number}. {why.text}" for number, why in enumerate(reasons, 1))
    return f"{count}, the farthest first.\n\n{failed}\n{listed}\n\n{told}"


def _targets(verdicts: list[Verdict]) -> str:
    head = ("job", "ours", "against", "ratio", "bar", "")
    rows = (
        [
            *_subject(verdict),
            described(verdict.target)[1],
            f"{verdict.ratio:.2f}",
            _bar(verdict),
            "reached" if verdict.holds else "MISSED",
        ]
        for verdict in verdicts
    )
    return table(head, rows, left=(0, 1, 2, 5))


def _subject(verdict: Verdict) -> list[str]:
    return [described(verdict.target)[0], verdict.target.ours]


def _bar(verdict: Verdict) -> str:
    return f"{'at most' if verdict.target.at_most else 'at least'} {verdict.target.bar:.2f}"


def _figures(results: Results, verdicts: list[Verdict]) -> str:
    """The one table: a row for each job at each point, a column for each contender."""
    bold = {
        verdict.target.our_key
        for verdict in verdicts
        if verdict.target.figure == "cpu" and not verdict.holds
    }
    names = [name for name in CONTENDERS if any(key.contender == name for key in results.samples)]
    measured = {(key.job, key.point) for key in results.samples}
    rows = (
        [job.name, str(point), *(_cell(results, job, point, name, bold) for name in names)]
        for job in JOBS
        for point in job.points
        if (job.name, point) in measured
    )
    return table(("job", "load", *names), rows, left=(0, 1))


def _memory(results: Results) -> str:
    """What an idle connection takes; empty where it was not measured."""
    head = ("job", "contender", "bytes an idle connection", "ratio")
    rows = []
    for key, beside in _idle(results):
        ours, other = results.median(key), results.median(beside)
        if ours and other:
            ratio = f"{ours.memory / other.memory:.2f}"
            rows.append([key.job, key.contender, f"{ours.memory:,.0f}", ratio])
    memory = table(head, rows, left=(0, 1))
    return f"## Memory\n\n{memory}" if rows else ""


def _idle(results: Results) -> Iterator[tuple[Key, Key]]:
    """Each cell with idle connections, and its native one."""
    for job in JOBS:
        for point in job.points:
            for contender in job.contenders if point.idle else ():
                key = Key(job.name, contender, point)
                if key in results.samples:
                    yield key, replace(key, contender=job.native(contender))


def _lines(results: Results) -> str:
    head = ("job", "load", "", "CPU µs", "ratio", "a second", "ratio", "cores busy")
    rows = []
    for job in JOBS:
        for point in job.points:
            for contender in job.contenders:
                key = Key(job.name, contender, point)
                if one := results.median(key):
                    beside = results.median(_reference(job, key)) or one
                    cpu, rate = f"{one.cpu / beside.cpu:.2f}", f"{one.rate / beside.rate:.2f}"
                    figures = [
                        f"{one.cpu:,.0f}{_spread(results, key)}",
                        cpu,
                        f"{one.rate:,.0f}",
                        rate,
                    ]
                    rows.append([job.name, str(point), contender, *figures, f"{one.busy:.2f}"])
    return table(head, rows, left=(0, 1, 2))


def _reference(job: Job, key: Key) -> Key:
    """What a line is compared with: one worker, or the native loop or reactor."""
    if key.point.workers:
        return replace(key, point=replace(key.point, workers=1))
    return replace(key, contender=job.native(key.contender))


def _cell(results: Results, job: Job, point: Point, contender: str, bold: set[Key]) -> str:
    key, native = Key(job.name, contender, point), job.native(contender)
    one, first = results.median(key), results.median(Key(job.name, native, point))
    if one is None:
        return ""
    figure = f"{one.cpu:,.0f}" if one.cpu >= 1000 else f"{one.cpu:.1f}"
    ratio = f"{one.cpu / first.cpu:.2f}" if first and contender != native else ""
    notes = f"{ratio}{_spread(results, key)}".strip()
    text = f"{figure} ({notes})" if notes else figure
    return f"**{text}**" if key in bold else text


def _spread(results: Results, key: Key) -> str:
    """Half the range of the middle half, in the form of a tolerance; nothing for one sample."""
    return f" ±{results.spread(key) / 2:.0%}" if len(results.samples[key]) > 1 else ""


def table(head: Iterable[str], rows: Iterable[list[str]], left: tuple[int, ...]) -> str:
    """A table in Markdown.

    Args:
        head: The names of the columns.
        rows: The cells of each row.
        left: The numbers of the columns of text; the others are set to the right.
    """
    names = list(head)
    line = ["---" if column in left else "---:" for column in range(len(names))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [names, line, *rows])


# -- what an await costs ------------------------------------------------------------------------

_AWAITS = {
    "await-future": "a Future, natively",
    "await-asFuture": "a Deferred, by Twisted's `asFuture`",
    "await-as_future": "a Deferred, by `as_future`",
    "await-wait": "a Deferred, by `wait`",
    "await-deferred": "a Deferred as it is, with `await_anything()`",
    "await-coroutine": "a coroutine that awaits a Deferred, by `fromCoroutine` and `wait`",
    "await-coroutine-task": "the same with `await_anything()`, where the coroutine is a Task",
    "await-fromFuture": "a Future, by Twisted's `fromFuture` and `wait`",
    "await-as_deferred": "a Future, by `as_deferred` and `wait`",
}


def awaits(results: Results) -> str:
    """A table of its own for the awaits, in words; empty where they were not measured.

    Args:
        results: What was measured.
    """
    measured = {key.contender for key in results.samples if key.job in _AWAITS}
    names = [name for name in CONTENDERS if name in measured]
    found = {
        what: [results.median(Key(job, name, Point())) for name in names]
        for job, what in _AWAITS.items()
    }
    rows = (
        [what, *(f"{one.cpu:.1f}" if one else "" for one in ones)] for what, ones in found.items()
    )
    return table(("", *names), rows, left=(0,)) + "\n" if names else ""


# -- the README ---------------------------------------------------------------------------------

_ROW = re.compile(
    r"^(?P<what>\| CPU of a Twisted echo\b[^|]*)\|(?P<ours>[^|]*)\|(?P<other>[^|]*)\|"
)


def with_figures(text: str, results: Results) -> str:
    """The README with the figures of these results; as it is where they were not measured.

    Args:
        text: The README.
        results: What was measured.
    """
    key = Key("twisted-echo", EPOLL, Point(50, 1024))
    names = (EPOLL, TORNADO, TRADITION, TRADITION_UVLOOP)
    found = [results.median(Key(key.job, name, key.point)) for name in names]
    if None in found:
        return text
    native, *others = (one.cpu for one in found if one)
    ours, tradition, on_uvloop = (f"{cpu / native:.2f}" for cpu in others)
    return "".join(
        _ROW.sub(rf"\g<what>| {ours} | {tradition}; {on_uvloop} on uvloop |", line)
        for line in text.splitlines(keepends=True)
    )
