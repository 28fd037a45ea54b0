"""The checks: what has to hold in every host. The first line of each docstring is for the table."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

import triloop
from tests.conftest import open_descriptors
from tests.contract.certificates import Certificate
from tests.contract.peers import CLIENTS, SERVERS, Medium
from tests.contract.test_datagrams import ENDS
from tests.contract.test_http import BODY, REQUESTS, SITES
from tests.contract.test_http import CLIENTS as HTTP_CLIENTS
from tests.contract.worlds import World

__all__ = ["CHECKS"]

Run = Callable[..., None]
PAYLOAD = bytes(range(256)) * 800  # more than a socket's buffers hold


async def timers(world: World) -> None:
    """Timed calls of each world, in order."""
    called: list[tuple[str, int]] = []
    done = world.future()
    began = time.monotonic()
    early: list[tuple[str, float]] = []

    def call(name: str, number: int) -> None:
        called.append((name, number))
        # Qt's timers, as qasync makes them, may be a twentieth early and count in milliseconds.
        if time.monotonic() - began < number / 100 - (0.001 if name == "twisted" else 0.004):
            early.append((name, number / 100))
        if len(called) == 9:
            done.set_result(None)

    ways = {
        "twisted": world.reactor.callLater,
        "asyncio": world.loop.call_later,
        "tornado": world.io_loop.call_later,
    }
    for name, later in ways.items():
        for number in (3, 1, 2):
            later(number / 100, call, name, number)
    await done
    for name in ways:
        assert [number for other, number in called if other == name] == [1, 2, 3], called
    assert early == []


async def exchange(world: World, medium: Medium) -> None:
    """Have each world's clients ask the servers of the others."""
    for server, client in itertools.permutations(SERVERS, 2):
        async with SERVERS[server](world, medium) as served:
            answer = await CLIENTS[client](world, medium, served, PAYLOAD)
            assert answer == PAYLOAD, (server, client)


async def tcp(world: World) -> None:
    """TCP: each world asks the others."""
    await exchange(world, Medium())


async def tls(world: World) -> None:
    """The same with TLS."""
    await exchange(world, Medium(certificate=Certificate()))


async def http(world: World) -> None:
    """HTTP: Tornado's and Twisted's servers and clients, and a stream of asyncio."""
    for site, serve in SITES.items():
        async with serve(world, None) as port:
            for name, ask in HTTP_CLIENTS.items():
                answers = await ask(world, f"http://127.0.0.1:{port}/", None)
                assert answers == [BODY[::-1]] * REQUESTS, (site, name)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
            assert (await reader.read()).endswith(BODY[::-1]), site
            writer.close()
            await writer.wait_closed()


async def udp(world: World) -> None:
    """Datagrams from each world to the others."""
    for here, there in itertools.permutations(ENDS, 2):
        async with ENDS[here](world) as asking, ENDS[there](world) as answering:
            asking.send(b"letter", answering.address)
            assert await asking.heard.get() == b"re: letter", (here, there)


class Child(ProcessProtocol):
    """Notes what a child wrote, and how it ended."""

    def __init__(self) -> None:
        self.output = b""
        self.ended: Deferred[int] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self.output += data

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(getattr(reason.value, "exitCode", 0))


async def children(world: World) -> None:
    """Child processes of Twisted and asyncio: output and exit code."""
    command = [sys.executable, "-c", "print('hello'); raise SystemExit(3)"]
    child = Child()
    world.reactor.spawnProcess(child, command[0], command)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert (output, process.returncode) == (b"hello\n", 3)
    assert (await triloop.wait(child.ended), child.output) == (3, b"hello\n")


async def threads(world: World) -> None:
    """Calls from threads, and results of both thread pools."""
    here = threading.get_ident()
    for call in (world.reactor.callFromThread, world.loop.call_soon_threadsafe):
        called = world.future()

        def work(call: Any = call, called: Any = called) -> None:
            time.sleep(0.02)  # until the loops are idle
            call(lambda: called.set_result(threading.get_ident()))

        thread = threading.Thread(target=work)
        thread.start()
        assert await called == here
        thread.join()
    pool = world.reactor.getThreadPool()
    in_pool = deferToThreadPool(world.reactor, pool, threading.get_ident)
    assert await triloop.wait(in_pool) != here
    assert await asyncio.to_thread(threading.get_ident) != here


async def awaits(world: World) -> None:
    """A Deferred in a Task, and a coroutine of asyncio as a Deferred."""
    assert await triloop.wait(deferLater(world.reactor, 0.01, lambda: 1)) == 1
    assert await triloop.as_future(deferLater(world.reactor, 0.01, lambda: 2)) == 2
    heard: list[int] = []
    done = triloop.as_deferred(asyncio.sleep(0.01, 3)).addCallback(heard.append)
    await triloop.wait(done)
    assert heard == [3]


async def names(world: World) -> None:
    """Names: triloop.resolve, Twisted's resolver, loop.getaddrinfo."""
    found = await triloop.resolve("localhost")
    assert "127.0.0.1" in [address[0] for _, address in found]
    assert await triloop.wait(world.reactor.resolve("localhost")) == "127.0.0.1"
    native = await world.loop.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    assert ("127.0.0.1", 80) in [entry[4][:2] for entry in native]


async def signals(world: World) -> None:
    """A signal handler of the loop is called."""
    for number in (signal.SIGUSR1, signal.SIGTERM):
        caught = world.future()
        world.loop.add_signal_handler(number, caught.set_result, number)
        os.kill(os.getpid(), number)
        assert await caught == number
        world.loop.remove_signal_handler(number)


def idle(run: Run) -> None:
    """Nothing wakes when there is nothing to do."""

    async def main(world: World) -> None:
        await threads(world)  # they are idle too, from now on
        for _ in range(3):  # what others do to a display or a thread wakes, too, but not each time
            await asyncio.sleep(0.1)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
            await asyncio.sleep(0.3)
            woken.append(resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before)

    woken: list[int] = []
    run(main)
    assert min(woken) < 20, f"{woken} times in 0.3 seconds"


def left_behind(run: Run) -> None:
    """A program that ends leaves no descriptor, thread or timed call."""

    async def main(world: World) -> None:
        before = len(world.reactor.getDelayedCalls())
        await tcp(world)
        await udp(world)
        assert len(world.reactor.getDelayedCalls()) == before
        fds.append(len(open_descriptors()))

    fds: list[int] = []
    run(*[main] * 6)
    assert fds[-2] <= fds[1], fds
    # Trio and Qt keep idle threads, which are daemons.
    threads = [thread for thread in threading.enumerate() if not thread.daemon]
    assert threads == [threading.main_thread()], threads


def again(run: Run) -> None:
    """The host runs twice in a process, with Twisted in it."""
    ran: list[int] = []

    def program(number: int) -> Callable[[World], Awaitable[None]]:
        async def main(world: World) -> None:
            await awaits(world)
            ran.append(number)

        return main

    run(program(1), program(2))
    assert ran == [1, 2]


async def waits(world: World, told: list[str]) -> None:
    """Wait; tell of the cancellation, and of Twisted's shutdown."""
    world.reactor.addSystemEventTrigger("before", "shutdown", told.append, "shutdown")
    try:
        await asyncio.sleep(3)
    except asyncio.CancelledError:
        await asyncio.sleep(0.01)
        told.append("cancelled")
        raise


def stop(run: Run) -> None:
    """reactor.stop(): tasks are cancelled and awaited, then Twisted shuts down."""
    told: list[str] = []

    async def main(world: World) -> None:
        world.reactor.callLater(0.05, world.reactor.stop)
        await waits(world, told)

    with contextlib.suppress(asyncio.CancelledError):
        run(main)
    assert told == ["cancelled", "shutdown"], told


def cancel(run: Run) -> None:
    """An error of the program ends the run; its other tasks are cancelled."""
    told: list[str] = []

    async def main(world: World) -> None:
        world.loop.create_task(waits(world, told))
        await asyncio.sleep(0.05)
        raise ZeroDivisionError

    try:
        run(main)
    except ZeroDivisionError:
        told.append("raised")
    assert sorted(told) == ["cancelled", "raised", "shutdown"], told


def interrupt(run: Run) -> None:
    """SystemExit in a callback of Twisted's ends the run."""

    def leave() -> None:
        raise SystemExit(7)

    async def main(world: World) -> None:
        world.reactor.callLater(0.05, leave)
        await asyncio.sleep(3)

    codes: list[Any] = []
    try:
        run(main)
    except SystemExit as left:
        codes.append(left.code)
    assert codes == [7], "the run has just ended"


def control_c(run: Run) -> None:
    """Ctrl-C ends the program."""

    def press() -> None:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    async def main(world: World) -> None:
        threading.Thread(target=press).start()
        await asyncio.sleep(5)
        ended.append("of itself")

    ended: list[str] = []
    try:
        run(main)
    except (KeyboardInterrupt, asyncio.CancelledError):
        ended.append("by it")
    assert ended == ["by it"]


_ASYNC = (timers, tcp, tls, http, udp, children, threads, awaits, names, signals)
_WHOLE = (idle, left_behind, again, stop, cancel, interrupt, control_c)


def _in_world(check: Callable[[World], Awaitable[None]]) -> Callable[[Run], None]:
    def run_check(run: Run) -> None:
        ran: list[bool] = []

        async def main(world: World) -> None:
            await check(world)
            ran.append(True)

        run(main)
        assert ran == [True], "the program was left before its end"

    run_check.__doc__ = check.__doc__
    return run_check


#: The columns of the table: each check gets a host's ``run``, and raises if something is wrong.
CHECKS: dict[str, Callable[[Run], None]] = {
    **{check.__name__: _in_world(check) for check in _ASYNC},
    **{check.__name__: check for check in _WHOLE},
}
