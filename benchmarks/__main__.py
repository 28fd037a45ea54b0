"""``python -m benchmarks``: every contender side by side, in one run."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import targets
from benchmarks.charts import write_charts
from benchmarks.jobs import LOOP_SELECT, QUICK_AWAITS, QUICK_POINTS, SUITES, Job
from benchmarks.measure import Plan, measure
from benchmarks.pages import awaits, listing, page, with_figures
from benchmarks.reasons import reason
from benchmarks.report import tables
from benchmarks.results import Results
from benchmarks.selection import add_options, narrowed

_FULL = Plan(seconds=0.2, passes=3, rounds=5)
_QUICK = Plan(seconds=0.05, passes=1, rounds=1)


def main() -> int:
    """Measure, or read results; print and write them.

    Returns 1 when a contender failed, or ``--targets`` missed one.
    """
    options = _parse()
    if options.read:
        results = Results.from_json(json.loads(options.read.read_text()))
    else:
        _allow_many_descriptors()
        results = measure(_jobs(options), _plan(options), _tell)
    _write(results, options)
    sys.stdout.write(tables(results))
    verdicts = targets.judge(results)
    if verdicts:
        sys.stdout.write("\n" + targets.table(verdicts))
    for verdict in targets.missed(verdicts) if options.markdown else ():
        if reason(verdict) is None:
            _tell(f"missed, and benchmarks/reasons.py has no reason: {verdict.target}")
    missed = not all(verdict.holds for verdict in verdicts)
    return int(bool(results.failures) or (options.targets and missed))


def _write(results: Results, options: argparse.Namespace) -> None:
    if options.json:
        options.json.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    charts = write_charts(results, options.svg) if options.svg else []
    if options.markdown:
        names = [os.path.relpath(chart, options.markdown.parent) for chart in charts]
        loops = options.suite == "loops"
        options.markdown.write_text(page(results, names) if loops else listing(results))
    table = awaits(results)
    if options.awaits and table:
        options.awaits.write_text(table)
    if options.readme:
        text = options.readme.read_text("utf-8")
        options.readme.write_text(with_figures(text, results), "utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, default="loops", help="what is measured")
    add_options(parser)
    parser.add_argument("--seconds", type=float, help="of each measurement")
    parser.add_argument("--passes", type=int, help="over all contenders, in the same processes")
    parser.add_argument("--rounds", type=int, help="with new processes; all go into the medians")
    parser.add_argument("--quick", action="store_true", help="a first look, in about a minute")
    parser.add_argument(
        "--targets",
        action="store_true",
        help="only what the targets need; exit with 1 if one is missed",
    )
    parser.add_argument("--read", type=Path, help="measure nothing: show a JSON file")
    parser.add_argument("--json", type=Path, help="a file for all samples")
    parser.add_argument("--svg", type=Path, help="a directory for the charts")
    parser.add_argument("--markdown", type=Path, help="a file for tables and --svg charts")
    parser.add_argument("--awaits", type=Path, help="a file for the table of the awaits")
    parser.add_argument("--readme", type=Path, help="a README whose figures are replaced")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    plan = _QUICK if options.quick else _FULL
    return Plan(
        options.seconds or plan.seconds,
        options.passes or plan.passes,
        options.rounds or plan.rounds,
    )


def _jobs(options: argparse.Namespace) -> list[Job]:
    return narrowed((_narrow(job, options) for job in SUITES[options.suite]), options)


def _narrow(job: Job, options: argparse.Namespace) -> Job:
    if options.quick:
        job = _first_look(job)
    if options.targets:
        points = tuple(p for p in job.points if targets.needs(job.name, p))
        contenders = tuple(n for n in job.contenders if targets.needs(job.name, contender=n))
        job = replace(job, contenders=contenders, points=points)
    return job


def _first_look(job: Job) -> Job:
    if job.name.endswith("idle") or (
        job.name.startswith("await-") and job.name not in QUICK_AWAITS
    ):
        return replace(job, points=())
    job = replace(job, contenders=tuple(n for n in job.contenders if n != LOOP_SELECT))
    return job if job.kind in {"work", "client", "workers"} else job.at(QUICK_POINTS)


def _allow_many_descriptors() -> None:
    """Ten thousand idle connections take as many descriptors, here and in the server."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _tell(progress: str) -> None:
    sys.stderr.write(f"{progress}\n")


if __name__ == "__main__":
    sys.exit(main())
