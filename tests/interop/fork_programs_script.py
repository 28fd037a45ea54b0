"""Children that only run another program: ``fork_programs_script.py CASE LOOP``.

Each program has to get the descriptors that were passed to it, whichever code starts it. Each case
checks that itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tornado.ioloop import IOLoop
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol

from tests.interop.fork_cases_script import in_child, leave_out_noise, opened, run_briefly
from triloop.lifecycle import fork


def programs() -> None:
    """A program that is run in a child gets the descriptors that were passed to it."""
    with opened() as reactor:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        connections: list[Any] = []

        def start() -> None:
            factory = Factory.forProtocol(Protocol)
            connection = reactor.adoptStreamConnection(theirs.fileno(), socket.AF_UNIX, factory)
            connections.append(connection)
            number = connection.fileno()
            reactor.spawnProcess(
                _Ends(reactor),
                "sh",
                ["sh", "-c", "echo twisted >&5"],
                env=dict(os.environ),
                childFDs={5: number},
            )
            echo = ["echo", "subprocess"]
            # Because of this argument Python calls the hooks for a fork.
            subprocess.run(echo, stdout=number, preexec_fn=lambda: None, check=True)

        reactor.callWhenRunning(start)
        reactor.run()
        theirs.close()
        ours.settimeout(5)
        heard = b""
        while heard.count(b"\n") < 2:
            said = ours.recv(100)
            assert said, "a child did not get the descriptor"
            heard += said
        assert sorted(heard.split()) == [b"subprocess", b"twisted"], heard
        ours.close()


class _Ends(Protocol):
    """Ends the run with its process."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def processExited(self, reason: object) -> None:
        """Do nothing."""

    def processEnded(self, reason: object) -> None:
        self._reactor.stop()


class _Link:
    """A connection of the reactor, and its peer."""

    def __init__(self, reactor: Any) -> None:
        self.peer, theirs = socket.socketpair()
        self.peer.settimeout(10)
        theirs.setblocking(False)
        factory = Factory.forProtocol(Protocol)
        self.transport = reactor.adoptStreamConnection(theirs.fileno(), socket.AF_UNIX, factory)
        self.fd: int = self.transport.fileno()
        theirs.close()

    def hear(self, count: int) -> list[bytes]:
        """Read so many lines, and sort them."""
        heard = b""
        while heard.count(b"\n") < count:
            data = self.peer.recv(100)
            assert data, heard
            heard += data
        return sorted(heard.split())


@contextlib.contextmanager
def linked() -> Iterator[tuple[Any, _Link]]:
    with opened() as reactor:
        link = _Link(reactor)
        with link.peer:
            yield reactor, link


def in_run(reactor: Any, main: Callable[[], Any]) -> None:
    """Run ``main``, a coroutine function, in a run of the reactor."""
    tasks: list[asyncio.Task[None]] = []

    def start() -> None:
        tasks.append(asyncio.ensure_future(main()))
        tasks[0].add_done_callback(lambda _: reactor.stop())

    IOLoop.current().add_callback(start)
    reactor.run()
    tasks[0].result()


async def _write(word: str, **options: Any) -> int:
    number = options["pass_fds"][0] if "pass_fds" in options else 1
    code = f"import os; os.write({number}, b'{word}\\n')"
    program = await asyncio.create_subprocess_exec(sys.executable, "-SEc", code, **options)
    return await program.wait()


def by_asyncio() -> None:
    """A program gets a connection by ``pass_fds``, and as its output."""
    with linked() as (reactor, link):

        async def main() -> None:
            assert await _write("passed", pass_fds=[link.fd]) == 0
            assert await _write("output", stdout=link.fd) == 0

        in_run(reactor, main)
        assert link.hear(2) == [b"output", b"passed"]


def by_hand() -> None:
    """``os.fork`` and ``os.exec``: connections of each world are not changed before the exec."""
    with linked() as (reactor, link), contextlib.ExitStack() as stack:
        paused = _Link(reactor)
        ours, theirs = map(stack.enter_context, socket.socketpair())
        theirs.setblocking(False)
        stack.enter_context(paused.peer)

        async def main() -> None:
            paused.transport.pauseProducing()
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=theirs)
            number = transport.get_extra_info("socket").fileno()
            for fd in (link.fd, paused.fd, number):
                assert in_child(functools.partial(_run_echo, fd)) == 0
            transport.close()
            paused.transport.abortConnection()

        in_run(reactor, main)
        ours.settimeout(10)
        assert (ours.recv(10), *link.hear(1), *paused.hear(1)) == (b"hand\n", b"hand", b"hand")


def _run_echo(fd: int) -> None:
    os.dup2(fd, 1)
    os.execvp("echo", ["echo", "hand"])


def process_ended() -> None:
    """A file with the number of an ended process's terminal stays open in a child."""
    with opened() as reactor:
        codes: list[int] = []
        process: Any = None

        class Ended(ProcessProtocol):
            def processEnded(self, reason: object) -> None:
                with Path(os.devnull).open("rb") as file:
                    assert file.fileno() == process.fd
                    codes.append(in_child(lambda: os.fstat(file.fileno())))
                reactor.stop()

        def start() -> None:
            nonlocal process
            process = reactor.spawnProcess(
                Ended(), "true", ["true"], env=dict(os.environ), usePTY=True
            )

        reactor.callWhenRunning(start)
        reactor.run()
        assert codes == [0], codes


def told_apart() -> None:
    """A child is prepared if Python code goes on there, before it goes on."""
    hearing, telling = os.pipe()
    os.set_blocking(hearing, False)
    os.set_inheritable(telling, True)
    prepare = fork._renew
    fork._renew = lambda *_: os.write(telling, b"goes on;")  # type: ignore[assignment]

    def forks(fork: Callable[[], int] = os.fork) -> None:
        pid = fork()
        if pid == 0:
            os.write(telling, b"result;")
            os._exit(0)
        os.waitpid(pid, 0)

    def heard(work: Callable[[], object]) -> bytes:
        work()
        with contextlib.suppress(BlockingIOError):
            return os.read(hearing, 1000)
        return b""

    with linked() as (reactor, _):
        ran: list[object] = []

        async def spawn() -> None:
            ran.append(await _write("x", pass_fds=[telling]))

        assert heard(lambda: in_run(reactor, spawn)) == b"x\n", ran
        true = ["true"]
        assert heard(lambda: subprocess.run(true, preexec_fn=_python_code, check=True)) == b""
        assert heard(forks) == b"goes on;result;"
        assert heard(lambda: forks(lambda: os.forkpty()[0])) == b"goes on;result;"
        assert heard(lambda: in_thread(forks)) == b"goes on;result;"
        fork._renew = prepare
    os.close(hearing)
    os.close(telling)


def _python_code() -> None:
    sorted(str(n) for n in range(100))


def in_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def not_used() -> None:
    """A child keeps what it has inherited until it uses a loop or a reactor."""
    with linked() as (reactor, link):
        ready, go_on = socket.socketpair()
        pids: list[int] = []

        def child() -> None:
            ready.close()
            go_on.send(b".")
            go_on.recv(1)
            asyncio.run(_nothing(reactor))
            go_on.send(b".")
            go_on.recv(1)
            os._exit(0)

        async def main() -> None:
            pids.append(os.fork())
            if pids[0] == 0:
                child()
            ready.recv(1)
            link.transport.abortConnection()

        in_run(reactor, main)
        link.peer.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            assert link.peer.recv(1) is None
        ready.send(b".")
        ready.recv(1)
        assert link.peer.recv(1) == b""
        ready.close()
        go_on.close()
        os.waitpid(pids[0], 0)


async def _nothing(reactor: Any) -> None:
    """Run the reactor in a new loop."""
    started = asyncio.get_running_loop().create_future()
    reactor.callWhenRunning(started.set_result, None)
    await started


def number_used_again() -> None:
    """A file that a child has opened under the number of a copy stays open."""
    with linked() as (reactor, link):

        def child() -> None:
            os.close(link.fd)
            with Path(os.devnull).open("rb") as file:
                assert file.fileno() == link.fd
                run_briefly(reactor)
                os.fstat(file.fileno())

        async def main() -> None:
            assert in_child(child) == 0
            link.peer.sendall(b"still there")

        in_run(reactor, main)


CASES = [
    by_asyncio,
    by_hand,
    not_used,
    number_used_again,
    process_ended,
    programs,
    told_apart,
]

if __name__ == "__main__":
    leave_out_noise()
    {case.__name__: case for case in CASES}[sys.argv[1]]()
