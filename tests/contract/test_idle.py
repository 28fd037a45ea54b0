"""An idle process sleeps: its threads are never woken, and make no system call at all."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.worlds import PATIENCE

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="/proc, which counts how often a thread was woken, is Linux's"
)

ROOT = Path(__file__).parents[2]
#: Seconds of silence that are asked for.
SILENCE = 5.0
#: Seconds that a process is given to come to rest after it has told its ports.
SETTLING = 1.0
#: Seconds that strace is given to attach: that interrupts the one call all sleep in.
ATTACHING = 1.0
STAGES = [
    "TornadoReactor@asyncio-IOLoop.start",
    "TornadoReactor@asyncio-reactor.run",
    "TornadoReactor@uvloop-IOLoop.start",
    "TornadoReactor@select-IOLoop.start",
    "epoll-reactor.run",
    "epoll-IOLoop.start",
    "poll-reactor.run",
    "select-reactor.run",
]


@dataclass
class Idler:
    """A process that has told its ports and now waits."""

    process: subprocess.Popen[str]
    ports: list[int]

    def threads(self) -> list[str]:
        """The ids of its threads."""
        return [path.name for path in Path(f"/proc/{self.process.pid}/task").iterdir()]

    def wake_ups(self) -> dict[str, int]:
        """How often each thread has given the processor up and was woken again so far."""
        return {thread: wake_ups(self.process.pid, thread) for thread in self.threads()}

    def use(self) -> None:
        """Have both of its worlds echo something."""
        for port in self.ports:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                connection.sendall(b"x")
                assert connection.recv(1) == b"x"


def wake_ups(process: int, thread: str) -> int:
    status = Path(f"/proc/{process}/task/{thread}/status").read_text()
    counts = dict(line.split(":", 1) for line in status.splitlines())
    return int(counts["voluntary_ctxt_switches"])


@contextlib.contextmanager
def started(stages: list[str]) -> Iterator[dict[str, Idler]]:
    with contextlib.ExitStack() as stack:
        processes = {}
        for stage in stages:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.contract.idlers", stage],
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            stack.callback(kill, process)
            processes[stage] = process
        yield {stage: Idler(process, told(process)) for stage, process in processes.items()}


def told(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(port) for port in process.stdout.readline().split()]


def until_woken(idler: Idler, before: dict[str, int]) -> None:
    """Wait until the use of a process shows in its count, which is when it sleeps again."""
    end = time.monotonic() + PATIENCE
    while idler.wake_ups() == before:
        assert time.monotonic() < end, "the wake-ups of a used process are not counted"
        time.sleep(0.01)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@contextlib.contextmanager
def traced(strace: str, idlers: dict[str, Idler], directory: Path) -> Iterator[None]:
    """Watch the system calls of all threads of all of them: a file a thread, named by its id."""
    pids = [f"--attach={idler.process.pid}" for idler in idlers.values()]
    process = subprocess.Popen(
        [
            strace,
            "-qq",
            "-ttt",
            "--follow-forks",
            "--output-separately",
            "-o",
            directory / "trace",
            *pids,
        ]
    )
    try:
        time.sleep(ATTACHING)
        assert process.poll() is None, "strace could not attach"
        yield
    finally:
        process.terminate()
        process.wait()


def system_calls(threads: Iterable[str], directory: Path, begin: float, end: float) -> list[str]:
    """What these threads called between two points of time."""
    lines = [
        line
        for thread in threads
        for line in (directory / f"trace.{thread}").read_text().splitlines()
    ]
    return [line for line in lines if begin <= float(line.split()[0]) < end]


def test_idle_process_is_never_woken(tmp_path: Path) -> None:
    strace = shutil.which("strace")  # names the calls, where it is there; /proc counts the wake-ups
    with started(STAGES) as idlers:
        time.sleep(SETTLING)
        with traced(strace, idlers, tmp_path) if strace else contextlib.nullcontext():
            begin = time.time()
            before = {stage: idler.wake_ups() for stage, idler in idlers.items()}
            time.sleep(SILENCE)
            idle = {stage: idler.wake_ups() for stage, idler in idlers.items()}
            end = time.time()
            for stage, idler in idlers.items():
                idler.use()
                until_woken(idler, idle[stage])
        if strace:
            calls = {s: system_calls(idle[s], tmp_path, begin, end) for s in STAGES}
            assert calls == {stage: [] for stage in STAGES}
    assert idle == before
