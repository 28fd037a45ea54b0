"""Starts servers as processes, pins them to a core, reads their CPU time, and ends them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Server", "cores", "pin", "serving", "site", "started"]

#: Seconds in which a server that has something to do uses its core.
_REST = 0.004


def cores() -> tuple[int, int]:
    """One core for the server and another for the load.

    Raises:
        RuntimeError: There is only one core, or the kernel does not show the CPU time.
    """
    if not Path("/proc/self/schedstat").exists():
        raise RuntimeError("the benchmarks need Linux: they read /proc/PID/schedstat")
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise RuntimeError("the benchmarks need two cores: one for the server, one for the load")
    return allowed[0], allowed[1]


def pin(pid: int, core: int) -> None:
    """Keep a process, with all its threads, on one core."""
    for task in _tasks(pid):
        os.sched_setaffinity(int(task.name), {core})


def _tasks(pid: int) -> Iterator[Path]:
    return Path(f"/proc/{pid}/task").iterdir()


def _children(pid: int) -> Iterator[int]:
    for task in _tasks(pid):
        yield from map(int, (task / "children").read_text().split())


def _cpu_ns(pid: int) -> int:
    return sum(int((task / "schedstat").read_text().split()[0]) for task in _tasks(pid))


class Server:
    """A process that prints its port, and serves.

    Args:
        module: What it runs.
        arguments: The contender and the job, as a rule.
        rests: Whether it sleeps while it has nothing to do.
    """

    def __init__(self, module: str, *arguments: str, rests: bool = True) -> None:
        command = [sys.executable, "-m", module, *arguments]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.contender = arguments[0] if arguments else module
        self.pid = self._process.pid
        self.port = 0
        self._rests = rests

    def wait_until_ready(self, core: int | None) -> None:
        """Wait for the port, then pin the server to its core; None leaves it all of them."""
        self.port = int(self.hear())
        if core is not None:
            pin(self.pid, core)
        self.settle()

    def hear(self) -> str:
        """Wait for the next line that it prints."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.contender} has ended: see its error above")
        return line

    def go_on(self) -> None:
        """Give it a line; a program that is profiled waits for one."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def cpu_ns(self) -> int:
        """CPU time since the start, by the scheduler's clock; exact while the server is idle.

        That of its children, which are workers, is a part of it.
        """
        return sum(map(_cpu_ns, (self.pid, *_children(self.pid))))

    def memory(self) -> int:
        """Bytes of memory that are the process's own."""
        return self.status("RssAnon") * 1024

    def page_faults(self) -> int:
        """How many pages the kernel has given it, without reading them from a disk."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[7])

    def status(self, name: str) -> int:
        """A number of the kernel's about the process, by its name in /proc/PID/status."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
        raise RuntimeError(f"/proc/PID/status shows no {name}: the benchmarks need Linux 4.5")

    def settle(self) -> None:
        """Wait until the server has nothing left to do."""
        before, now = -1, self.cpu_ns()
        while self._rests and now != before:
            time.sleep(_REST)
            before, now = now, self.cpu_ns()

    def stop(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def serving(contenders: tuple[str, ...], job: str, core: int) -> Iterator[list[Server]]:
    """A server of every contender, all started at once and idle."""
    with started([Server("benchmarks.servers", one, job) for one in contenders], core) as servers:
        yield servers


@contextmanager
def site() -> Iterator[int]:
    """The site that the clients ask, on the core of this process; its port."""
    (core,) = os.sched_getaffinity(0)
    with started([Server("benchmarks.applications.site", rests=False)], core) as (server,):
        yield server.port


@contextmanager
def started(servers: list[Server], core: int | None) -> Iterator[list[Server]]:
    """The servers, once they are ready; at the end they are killed."""
    try:
        for server in servers:
            server.wait_until_ready(core)
        yield servers
    finally:
        for server in servers:
            server.stop()
