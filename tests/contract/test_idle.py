"""An idle process sleeps: it makes no system call at all."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.worlds import PATIENCE

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="strace, which watches system calls, is Linux's"
)

ROOT = Path(__file__).parents[2]
#: Seconds of silence that are asked for.
SILENCE = 5.0
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

    def use(self) -> None:
        """Have both of its worlds echo something."""
        for port in self.ports:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                connection.sendall(b"x")
                assert connection.recv(1) == b"x"


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


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@contextlib.contextmanager
def traced(idlers: dict[str, Idler], directory: Path) -> Iterator[None]:
    """Watch the system calls of all threads of all of them: a file a thread, named by its id."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("strace is missing: `make system-tools` installs it")
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


def system_calls(threads: list[str], directory: Path, begin: float, end: float) -> list[str]:
    """What these threads called between two points of time."""
    lines = [
        line
        for thread in threads
        for line in (directory / f"trace.{thread}").read_text().splitlines()
    ]
    return [line for line in lines if begin <= float(line.split()[0]) < end]


def test_idle_process_makes_no_system_call(tmp_path: Path) -> None:
    with started(STAGES) as idlers:
        with traced(idlers, tmp_path):
            begin = time.time()
            time.sleep(SILENCE)
            end = time.time()
            threads = {stage: idler.threads() for stage, idler in idlers.items()}
            for idler in idlers.values():
                idler.use()
        idle = {s: system_calls(threads[s], tmp_path, begin, end) for s in STAGES}
        used = {s: system_calls(threads[s], tmp_path, end, time.time()) for s in STAGES}
    assert idle == {stage: [] for stage in STAGES}
    assert all(used.values()), "strace saw nothing of their use"
