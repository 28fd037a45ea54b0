"""Forked workers: each has its own reactor and loop, and the parent keeps its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.interop import fork_cases_script, fork_programs_script
from tests.interop.fork_script import WORKERS, Plan
from tests.interop.scripts import run_script, start_script

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="asks /proc what processes share, and epoll what it watches"
)

PATIENCE = 30.0
WORLDS = ("asyncio", "uvloop", "epoll", "poll", "select")
#: Connections in each batch of the load, all open at once.
BATCH = 20
BATCHES = 10


class Client:
    """A connection to one of the workers, whichever took it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._lines = self.socket.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *reason: object) -> None:
        self._lines.close()
        self.socket.close()

    def say(self, line: str) -> None:
        self.socket.sendall(line.encode() + b"\n")

    def hear(self) -> bytes:
        return self._lines.readline().strip()

    def ask(self, line: str) -> bytes:
        self.say(line)
        return self.hear()

    def pid(self) -> int:
        return int(self.ask("pid"))


class Workers:
    """A running ``fork_script``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.parent = process.pid
        ports = self.next_report()
        self.twisted, self.tornado = ports["twisted"], ports["tornado"]
        self.children: set[int] = set()

    def next_report(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the script has ended"
        report: dict[str, Any] = json.loads(line)
        return report

    def await_children(self) -> None:
        while len(self.children) < WORKERS:
            report = self.next_report()
            assert report.get("worker"), report
            self.children.add(report["pid"])

    def load(self, port: int) -> set[int]:
        """Which processes have answered; all of them must."""
        seen = set()
        for _ in range(BATCHES):
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(Client(port)) for _ in range(BATCH)]
                for client in clients:
                    client.say("pid")
                seen |= {int(client.hear()) for client in clients}
        return seen

    @contextlib.contextmanager
    def connected_to(self, pids: set[int]) -> Iterator[Client]:
        """Make a Twisted connection to one of these processes."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            # A worker that is about to end may have taken it, and it is lost then.
            with contextlib.suppress(ConnectionError, ValueError), Client(self.twisted) as client:
                if client.pid() in pids:
                    yield client
                    return
        raise AssertionError(f"none of {pids} takes connections any more")

    def end(self, pids: set[int]) -> None:
        """End these processes one after the other; no others may report an end."""
        left = set(pids)
        while left:
            with self.connected_to(left) as client:
                client.say("end")
                report = self.next_report()
            assert report["fired"] == []
            left.remove(report["pid"])
            await_end(report["pid"])

    def end_parent(self) -> dict[str, Any]:
        with self.connected_to({self.parent}) as client:
            client.say("end")
            return self.next_report()

    def finish(self) -> None:
        said, complaints = self._process.communicate(timeout=PATIENCE)
        assert not complaints, complaints
        assert (self._process.returncode, said) == (0, "")


def await_end(pid: int) -> None:
    """Wait until a process has ended, or is a zombie."""
    deadline = time.monotonic() + PATIENCE
    # It may end between the opening and the reading of the file.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        while Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(") ")[2][0] != "Z":
            assert time.monotonic() < deadline, f"{pid} does not end"
            time.sleep(0.02)


@contextlib.contextmanager
def started(plan: Plan) -> Iterator[Workers]:
    process = start_script("fork_script", json.dumps(asdict(plan)))
    workers: list[Workers] = []
    try:
        workers.append(Workers(process))
        yield workers[0]
        workers[0].finish()
    finally:
        process.kill()  # before its children, which it would replace
        for pid in {pid for one in workers for pid in one.children}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


def sockets(pid: int) -> set[str]:
    """The sockets that a process holds, without its standard streams."""
    return {link for fd, link in links(pid).items() if fd > 2 and link.startswith("socket:")}


def links(pid: int) -> dict[int, str]:
    found = {}
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[int(fd.name)] = str(fd.readlink())
    return found


def watched(pid: int) -> set[str]:
    """The sockets in the epolls of a process, by the kernel's account of these epolls."""
    found = set()
    for fd, link in links(pid).items():
        if "eventpoll" in link:
            info = Path(f"/proc/{pid}/fdinfo/{fd}").read_text(encoding="ascii")
            entries = [line.split() for line in info.splitlines() if line.startswith("tfd:")]
            inodes = [int(word[4:], 16) for words in entries for word in words if "ino:" in word]
            found |= {f"socket:[{inode}]" for inode in inodes}
    return found & sockets(pid)  # all anonymous inodes have the same number


def listening(*ports: int) -> set[str]:
    """The listening sockets with these ports."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    return {
        f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1][-4:], 16) in ports
    }


def assert_nothing_shared(workers: Workers) -> None:
    """Check that no process holds or watches a socket of another, except the listening ones."""
    ports = listening(workers.twisted, workers.tornado)
    assert len(ports) == 2
    everybody = [workers.parent, *workers.children]
    for account in (sockets, watched):
        found = [account(pid) - ports for pid in everybody]
        for one, other in ((a, b) for a in found for b in found if a is not b):
            assert not one & other
    for pid in workers.children:
        assert not [link for link in links(pid).values() if "pidfd" in link]


@pytest.mark.parametrize("by", ["os.fork", "multiprocessing", "fork_processes"])
@pytest.mark.parametrize("world", WORLDS)
def test_forked_before_the_run(world: str, by: str) -> None:
    plan = Plan(world, by, by_reactor=by == "os.fork")
    with started(plan) as workers:
        workers.await_children()
        serving = set(workers.children)
        if by != "fork_processes":  # whose parent only waits
            serving.add(workers.parent)
        for port in (workers.twisted, workers.tornado):
            seen = workers.load(port)
            assert seen <= serving
            assert len(seen) > 1
        assert_nothing_shared(workers)
        for pid in serving:
            with workers.connected_to({pid}) as client:
                assert int(client.ask("thread")) == pid
        workers.end(workers.children)
        if by != "fork_processes":
            assert workers.load(workers.tornado) == {workers.parent}
            report = workers.end_parent()
            assert report["fired"] == ["tornado", "twisted"]
            assert report["statuses"] == [0] * WORKERS


@pytest.mark.parametrize("how", ["after", "within", "multiprocessing"])
@pytest.mark.parametrize("world", WORLDS)
def test_forked_in_the_middle_of_a_run(world: str, how: str) -> None:
    by = how if how == "multiprocessing" else "os.fork"
    plan = Plan(world, by, running=True, within=how == "within", by_reactor=how != "within")
    with started(plan) as workers, contextlib.ExitStack() as stack:
        held, paused, asks = (stack.enter_context(Client(workers.twisted)) for _ in range(3))
        in_tornado = stack.enter_context(Client(workers.tornado))
        assert {held.pid(), paused.pid(), in_tornado.pid()} == {workers.parent}
        paused.say("pause")
        assert held.ask("cat") == b"started"
        asks.say("fork")
        workers.await_children()
        for port in (workers.twisted, workers.tornado):
            seen = workers.load(port)
            assert seen <= workers.children | {workers.parent}
            assert len(seen) > 1
        assert_nothing_shared(workers)
        # A connection that the parent closes is closed: no other process holds a copy.
        asks.say("bye")
        assert asks.hear() == b""
        assert held.ask("drop") == b"dropped"
        assert paused.hear() == b""
        held.say("eof")
        assert workers.next_report()["cat"] == 0
        workers.end(workers.children)
        # A connection that the children have closed is not.
        assert held.pid() == in_tornado.pid() == workers.parent
        report = workers.end_parent()
        assert report["fired"] == ["tornado", "twisted"]
        assert report["statuses"] == [0] * WORKERS


CASES = [
    pytest.param(case, loop, id=f"{case.__name__}-{loop}")
    for loop in fork_cases_script.LOOPS
    for case in fork_cases_script.CASES
    if not any(case in cases for kind, cases in fork_cases_script.ONLY.items() if kind != loop)
]


@pytest.mark.parametrize(("case", "loop"), CASES)
def test_fork(case: Callable[[], None], loop: str) -> None:
    run_script("fork_cases_script", case.__name__, loop)


@pytest.mark.parametrize("loop", fork_cases_script.LOOPS)
@pytest.mark.parametrize("case", fork_programs_script.CASES)
def test_program(case: Callable[[], None], loop: str) -> None:
    run_script("fork_programs_script", case.__name__, loop)
