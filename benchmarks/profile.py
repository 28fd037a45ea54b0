"""``python -m benchmarks.profile``: what a request or an operation is made of, native beside ours.

System calls by strace, page faults by the kernel, and the interpreter's steps by function. The
cells are those that missed their target in some results, or those that the options select.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import targets
from benchmarks.client import connect
from benchmarks.jobs import BARE, JOBS, Job, Point
from benchmarks.measure import loaded, program, visit
from benchmarks.pages import table
from benchmarks.processes import Server, cores, pin, site, started
from benchmarks.report import describe
from benchmarks.results import Key, Results, describe_machine
from benchmarks.selection import add_options, narrowed

__all__ = ["Profile", "missed", "page"]

_COUNTED = "benchmarks.counted"
#: How many of them are named.
_CALLS = 15
_FUNCTIONS = 10
#: What is rarer, a request, is not named.
_RARE = 0.05
#: A whole crawl takes minutes; the others are no single program that repeats something.
_NOT_PROFILED = {"scrapy-crawl", "import", "workers-fork", "workers-reuse-port"}


@dataclass
class Profile:
    """What was counted, and in how many operations."""

    operations: float = 0
    faults: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)

    def each(self, number: int) -> float:
        """So many, for one operation."""
        return number / self.operations


#: A cell, and what each of its contenders does in it.
Cell = tuple[Job, Point, dict[str, Profile]]
#: Seconds until a contender is given up.
_PATIENCE = 60


def main() -> None:
    """Profile, print the page, and write it where it is wanted."""
    parser = argparse.ArgumentParser(prog="benchmarks.profile", description=__doc__)
    add_options(parser)
    parser.add_argument("--missed", type=Path, nargs="+", help="what missed its target in these")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each cell and contender")
    parser.add_argument("--markdown", type=Path, help="a file for the tables")
    options = parser.parse_args()
    jobs = narrowed(JOBS, options)
    if options.missed:
        read = (Results.from_json(json.loads(path.read_text())) for path in options.missed)
        jobs = [job for results in read for job in missed(jobs, results)]
    signal.signal(signal.SIGALRM, _give_up)
    results = Results(describe_machine(), options.seconds)
    text = page(list(_profiles(jobs, results)), results)
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text)


def missed(jobs: Iterable[Job], results: Results) -> list[Job]:
    """The cells of these jobs that missed a target; each is a job of its own, at one point."""
    found: dict[tuple[str, Point], set[str]] = {}
    for verdict in targets.missed(targets.judge(results)):
        for key in (verdict.target.our_key, verdict.target.other_key):
            found.setdefault((key.job, key.point), set()).add(key.contender)
    return [
        replace(job, points=(point,), contenders=contenders)
        for job in jobs
        for point in job.points
        if (contenders := _beside(job, found.get((job.name, point), set())))
    ]


def _beside(job: Job, names: Iterable[str]) -> tuple[str, ...]:
    """Some contenders of a job, each with its native one; not the bare loop."""
    whole = _whole(job)
    wanted = {one for name in names if name != BARE for one in (name, whole.native(name))}
    return tuple(name for name in whole.contenders if name in wanted)


def _whole(job: Job) -> Job:
    """A job with all contenders, of which one that was narrowed may lack the native one."""
    return next(one for one in JOBS if one.name == job.name)


def _give_up(*_: object) -> None:
    raise TimeoutError(f"no end after {_PATIENCE} seconds")


def _profiles(jobs: list[Job], results: Results) -> Iterator[Cell]:
    """Each cell; what failed is left out, and the results name it."""
    core, here = cores()
    pin(os.getpid(), here)
    for job in jobs:
        for point in job.points if job.name not in _NOT_PROFILED else ():
            sys.stderr.write(f"{job.name} {point}\n")
            for names in _worlds(job):
                profiles = {}
                for name in names:
                    key = Key(job.name, name, point)
                    with results.attempt(str(key)):
                        profiles[name] = _profile(job, key, core, results.seconds)
                yield job, point, profiles


def _worlds(job: Job) -> list[list[str]]:
    """The contenders of a job, those with the same native one together."""
    whole = _whole(job)
    worlds: dict[str, list[str]] = {}
    for name in _beside(job, job.contenders):
        worlds.setdefault(whole.native(name), []).append(name)
    return list(worlds.values())


def _profile(job: Job, key: Key, core: int, seconds: float) -> Profile:
    with ExitStack() as stack:
        stack.callback(signal.alarm, 0)
        signal.alarm(_PATIENCE)
        if job.kind not in {"work", "client"}:
            one = Server(_COUNTED, "benchmarks.servers", key.contender, job.name)
            stack.enter_context(started([one], core))
            return _serve(one, job, key.point, seconds)
        port = stack.enter_context(site()) if job.kind == "client" else 0
        one = Server(_COUNTED, *program(key, seconds, port))
        stack.callback(one.stop)
        return _work(one, core)


def _serve(server: Server, job: Job, point: Point, seconds: float) -> Profile:
    if not job.fresh:
        visit(server, job.kind)
    with ExitStack() as stack:
        for connection in connect(job.kind, server.port, point.idle):
            stack.enter_context(connection)
        load = stack.enter_context(loaded(server, job.kind, point))
        with _counting(server) as profile:
            profile.operations = len(load.run(seconds).latencies) * point.parts
            server.settle()
    return profile


def _work(process: Server, core: int) -> Profile:
    process.hear()
    pin(process.pid, core)
    with _counting(process) as profile:
        process.go_on()
        profile.operations = json.loads(process.hear())["operations"]
        process.hear()
    return profile


@contextmanager
def _counting(process: Server) -> Iterator[Profile]:
    """Count what the process does meanwhile; it is idle at both ends."""
    profile = Profile()
    _switch(process)
    process.settle()
    faults = process.page_faults()
    with _system_calls(process, profile):
        yield profile
    if not profile.operations:
        raise RuntimeError("nothing was done in that time: see --seconds")
    profile.faults = process.page_faults() - faults
    _switch(process)
    profile.steps = json.loads(process.hear())


def _switch(process: Server) -> None:
    """Have it begin to count its steps, or end; a signal interrupts what already waits."""
    process.settle()
    os.kill(process.pid, signal.SIGUSR1)


@contextmanager
def _system_calls(process: Server, profile: Profile) -> Iterator[None]:
    with tempfile.NamedTemporaryFile("r") as found:
        command = ["strace", "-c", "-f", "-q", "-o", found.name, "-p", str(process.pid)]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            while not process.status("TracerPid"):
                if tracer.poll() is not None:
                    raise RuntimeError("strace may not trace another process here: be root")
                time.sleep(0.01)
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
        # The share of the time, seconds, microseconds a call, calls, errors if any, the name.
        rows = (line.split() for line in found.read().splitlines())
        profile.calls = {row[-1]: int(row[3]) for row in rows if len(row) > 4 and row[3].isdigit()}
        profile.calls.pop("total", None)


# -- the page -----------------------------------------------------------------------------------


def page(cells: list[Cell], results: Results) -> str:
    """A table for each cell.

    Args:
        cells: What was counted.
        results: Of which the machine and the failures matter.
    """
    failed = "\n".join(f"- failed: {failure}" for failure in results.failures)
    tables = [_table(*cell) for cell in cells if cell[2]]
    return "\n\n".join(filter(None, [f"Counted on {describe(results)}.", failed, *tables])) + "\n"


def _table(job: Job, point: Point, profiles: dict[str, Profile]) -> str:
    load = f" ({point})" if str(point) else ""
    ones = list(profiles.values())
    rows = [
        _row("**system calls**", [one.each(sum(one.calls.values())) for one in ones]),
        *_rows(ones, [one.calls for one in ones], _CALLS),
        _row("**page faults**", [one.each(one.faults) for one in ones]),
        _row("**interpreter steps**", [one.each(sum(one.steps.values())) for one in ones]),
        *_rows(ones, [one.steps for one in ones], _FUNCTIONS),
    ]
    return table((f"{job.name}{load}", *profiles), rows, left=(0,))


def _rows(profiles: list[Profile], counted: list[dict[str, int]], most: int) -> list[list[str]]:
    """A row for each of the names in which the profiles differ most, then of the frequent ones."""
    each = {
        name: [one.each(found.get(name, 0)) for one, found in zip(profiles, counted, strict=True)]
        for found in counted
        for name in found
    }
    told = {name: ones for name, ones in each.items() if max(ones) >= _RARE}
    # A tenth of a call is no difference.
    weight = {name: (round(max(ones) - min(ones)), max(ones)) for name, ones in told.items()}
    first = sorted(weight, key=lambda name: weight[name], reverse=True)[:most]
    return [_row(f"`{name}`", each[name]) for name in sorted(first, key=lambda n: -max(each[n]))]


def _row(name: str, each: Iterable[float]) -> list[str]:
    return [name, *(f"{one:,.2f}" if one < 10 else f"{one:,.0f}" for one in each)]


if __name__ == "__main__":
    main()
