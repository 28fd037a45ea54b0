"""An idle process sleeps: its threads are not woken, and make no system calls."""

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
#: Seconds in which nothing may happen.
SILENCE = 5.0
#: Seconds without a wake-up after which a process is at rest.
SETTLING = 1.0
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
    """A process that has printed its ports and now waits."""

    process: subprocess.Popen[str]
    ports: list[int]

    def threads(self) -> list[str]:
        """The ids of its threads."""
        return [path.name for path in Path(f"/proc/{self.process.pid}/task").iterdir()]

    def asleep(self) -> bool:
        """Whether all of its threads sleep; one that waits for a processor does not."""
        process = self.process.pid
        return all("S" in status(process, thread)["State"] for thread in self.threads())

    def wake_ups(self) -> dict[str, int]:
        """How often each thread has slept and was woken so far."""
        return {thread: wake_ups(self.process.pid, thread) for thread in self.threads()}

    def traced(self) -> bool:
        """Whether strace has attached to all of its threads."""
        process = self.process.pid
        return all(status(process, thread)["TracerPid"].strip() != "0" for thread in self.threads())

    def use(self) -> None:
        """Have both of its worlds echo something."""
        for port in self.ports:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                connection.sendall(b"x")
                assert connection.recv(1) == b"x"


def status(process: int, thread: str) -> dict[str, str]:
    lines = Path(f"/proc/{process}/task/{thread}/status").read_text().splitlines()
    return dict(line.split(":", 1) for line in lines)


def wake_ups(process: int, thread: str) -> int:
    return int(status(process, thread)["voluntary_ctxt_switches"])


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
    """Wait until the use of a process is counted, which happens when it sleeps again."""
    end = time.monotonic() + PATIENCE
    while idler.wake_ups() == before:
        assert time.monotonic() < end, "the wake-ups of a used process are not counted"
        time.sleep(0.01)


def until_at_rest(idlers: dict[str, Idler]) -> None:
    """Wait until all have started and sleep."""
    end = time.monotonic() + PATIENCE
    before = None
    while True:
        asleep = all(idler.asleep() for idler in idlers.values())
        now = [idler.wake_ups() for idler in idlers.values()]
        if asleep and now == before:
            return
        assert time.monotonic() < end, "an unused process does not come to rest"
        before = now
        time.sleep(SETTLING)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@contextlib.contextmanager
def traced(strace: str, idlers: dict[str, Idler], directory: Path) -> Iterator[None]:
    """Trace the system calls of all threads, in a file for each thread."""
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
        end = time.monotonic() + PATIENCE
        while not all(idler.traced() for idler in idlers.values()):
            assert process.poll() is None, "strace could not attach"
            assert time.monotonic() < end, "strace has not attached to all"
            time.sleep(0.01)
        until_at_rest(idlers)  # strace has interrupted the call that they sleep in
        yield
    finally:
        process.terminate()
        process.wait()


def system_calls(threads: Iterable[str], directory: Path, begin: float, end: float) -> list[str]:
    """The system calls of these threads between two times."""
    lines = [
        line
        for thread in threads
        for line in (directory / f"trace.{thread}").read_text().splitlines()
    ]
    return [line for line in lines if begin <= float(line.split()[0]) < end]


def test_idle_process_is_never_woken(tmp_path: Path) -> None:
    strace = shutil.which("strace")  # names the calls, where it is there; /proc counts the wake-ups
    with started(STAGES) as idlers:
        until_at_rest(idlers)
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
