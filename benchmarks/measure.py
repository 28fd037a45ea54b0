"""A run: job by job, in interleaved rounds, every contender at every point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.client import Load, arrive, connect, frame, probe_http
from benchmarks.jobs import EPOLL, TORNADO, Job, Point
from benchmarks.processes import Server, cores, pin, serving, site, started
from benchmarks.results import Key, Results, Sample, describe_machine, sample

__all__ = ["Plan", "loaded", "measure", "program", "visit"]

_PAGE_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
#: Seconds of requests before anything is measured.
_WARM_UP = 0.05
#: How many times longer a program that measures itself runs: full garbage collections are a part of
#: the cost, and have to happen within the measurement.
_WORK_LONGER = 4
#: Seconds until a program that measures itself is given up.
_PATIENCE = 60
_IMPORTS = {EPOLL: "tornado.ioloop, twisted.internet.reactor", TORNADO: "triloop"}
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
_TIMED_IMPORT = """
import time
before = time.process_time_ns()
import {}
print(time.process_time_ns() - before)
"""


@dataclass(frozen=True)
class Plan:
    """How long and how often.

    A measurement takes ``seconds``. It is made ``passes`` times, each time with every contender
    in turn, so that a disturbance of the machine affects all of them. Then all of that
    is done again, ``rounds`` times, with new processes. A program that measures itself is a new
    process each time, and runs once a round.
    """

    seconds: float
    passes: int
    rounds: int


def measure(jobs: list[Job], plan: Plan, tell: Callable[[str], None]) -> Results:
    """Run the jobs. Every round starts every server anew: no two processes are laid out alike."""
    server_core, load_core = cores()
    pin(os.getpid(), load_core)
    results = Results(describe_machine(), plan.seconds)
    for number in range(plan.rounds):
        for job in jobs:
            tell(f"round {number + 1} of {plan.rounds}: {job.name}")
            # Each round begins with another contender.
            turned = number % len(job.contenders)
            contenders = job.contenders[turned:] + job.contenders[:turned]
            with results.attempt(job.name):
                way = _WAYS.get(job.kind, _measure_servers)
                way(job, contenders, plan, server_core, results)
    return results


def _measure_servers(
    job: Job, contenders: tuple[str, ...], plan: Plan, core: int, results: Results
) -> None:
    with serving(contenders, job.name, core) as servers:
        if not job.fresh:
            for server in servers:
                visit(server, job.kind)
        for point in job.points:
            # A fresh server is so once, and memory that was freed is used again: only the first
            # crowd shows what it takes.
            passes = 1 if job.fresh or point.idle else plan.passes
            for server in servers * passes:
                key = Key(job.name, server.contender, point)
                with results.attempt(str(key)):
                    results.add(key, _serve(server, job.kind, point, plan.seconds))


def visit(server: Server, kind: str) -> None:
    """Connect and leave."""
    for connection in connect(kind, server.port, 1):
        connection.close()
    server.settle()


def _serve(server: Server, kind: str, point: Point, seconds: float) -> Sample:
    """Put a server under load at one point."""
    before = server.memory()
    idle = connect(kind, server.port, point.idle)
    server.settle()
    memory = (server.memory() - before) / point.idle if point.idle else 0
    try:
        with loaded(server, kind, point, min(_WARM_UP, seconds)) as load:
            started = server.cpu_ns()
            window = load.run(seconds)
            server.settle()
            used = server.cpu_ns() - started
    finally:
        for connection in idle:
            connection.close()
        server.settle()
    return sample(used, window.seconds, window.latencies, memory, point.parts)


@contextmanager
def loaded(server: Server, kind: str, point: Point, warm_up: float = _WARM_UP) -> Iterator[Load]:
    """A load that has run for ``warm_up`` seconds; its connections are closed at the end."""
    request, reply_size = _exchange(kind, server.port, point.size)
    if kind == "workers":
        busy = arrive(server.port, point.connections, request, reply_size)
    else:
        busy = connect(kind, server.port, point.connections)
    load = Load(busy, request, reply_size, sleeps=kind == "workers")
    try:
        load.run(warm_up)
        server.settle()
        yield load
    finally:
        load.close()
        for connection in busy:
            connection.close()


def _exchange(kind: str, port: int, size: int) -> tuple[bytes, int]:
    """What a client sends, and the length of the reply."""
    if kind in {"http", "workers"}:
        return _PAGE_REQUEST, probe_http(port, _PAGE_REQUEST)
    if kind == "websocket":
        return frame(size, masked=True), len(frame(size, masked=False))
    if kind == "download":
        return b".", size
    if kind == "upload":
        return bytes(size), 1
    return bytes(size), size


def _measure_workers(
    job: Job, contenders: tuple[str, ...], plan: Plan, core: int, results: Results
) -> None:
    """One worker and two, which have all cores; what the load takes of them is a part of it."""
    loads = [(one, point) for one in contenders for point in job.points]
    here = os.sched_getaffinity(0)
    os.sched_setaffinity(0, here | {core})
    try:
        servers = [Server("benchmarks.workers", o, job.name, str(p.workers)) for o, p in loads]
        with started(servers, None):
            for server, (one, point) in [*zip(servers, loads, strict=True)] * plan.passes:
                key = Key(job.name, one, point)
                with results.attempt(str(key)):
                    found = _serve(server, job.kind, point, plan.seconds * _WORK_LONGER)
                    results.add(key, found)
    finally:
        os.sched_setaffinity(0, here)


def _measure_clients(
    job: Job, contenders: tuple[str, ...], plan: Plan, core: int, results: Results
) -> None:
    with site() as port:
        for key in [Key(job.name, one, point) for point in job.points for one in contenders]:
            command = program(key, plan.seconds * _WORK_LONGER, port)
            with results.attempt(str(key)):
                results.add(key, _measured(command, core))


def _measure_work(
    job: Job, contenders: tuple[str, ...], plan: Plan, core: int, results: Results
) -> None:
    for contender in contenders:
        key = Key(job.name, contender, job.points[0])
        with results.attempt(str(key)):
            if job.name == "import":
                results.add(key, _import(contender, core))
            else:
                results.add(key, _measured(program(key, plan.seconds * _WORK_LONGER), core))


#: All kinds of jobs but servers under load.
_WAYS = {"client": _measure_clients, "work": _measure_work, "workers": _measure_workers}


def program(key: Key, seconds: float, site: int = 0) -> list[str]:
    """The arguments of a program that measures itself.

    Args:
        key: What it does.
        seconds: For how long; a crawl ends by itself.
        site: The port of the site that a client asks.
    """
    load = key.point
    if not site:
        return ["benchmarks.workloads", key.contender, key.job, str(seconds)]
    module = f"benchmarks.applications.{key.job.replace('-', '_')}"
    until = [str(load.connections), str(seconds)] if load.connections else []
    return [module, key.contender, str(site), str(load.size), *until]


def _measured(arguments: list[str], core: int) -> Sample:
    """The sample of a program that measures itself."""
    done = json.loads(_output([sys.executable, "-m", *arguments], core))
    operations, cpu_ns, seconds = done["operations"], done["cpu_ns"], done["seconds"]
    return Sample(cpu_ns / operations / 1000, operations / seconds, cpu_ns / seconds / 1e9)


def _import(contender: str, core: int) -> Sample:
    """The best of a few: an import is short, and every disturbance makes it longer.

    The first one compiles what is not compiled yet, and is not counted.
    """
    command = [sys.executable, "-c", _TIMED_IMPORT.format(_IMPORTS[contender])]
    _, *cpu_ns_of_each = [int(_output(command, core)) for _ in range(4)]
    cpu_ns = min(cpu_ns_of_each)
    return Sample(cpu_ns / 1000, 1e9 / cpu_ns, 1.0)


def _output(command: list[str], core: int) -> str:
    done = subprocess.run(
        command,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=_PATIENCE,
        env={name: value for name, value in os.environ.items() if name != _NO_BYTECODE},
    )
    return done.stdout
