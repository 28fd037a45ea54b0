"""Threads with a loop and a reactor each, at once: ``threads_script.py PROGRAM [forks]``."""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tornado.ioloop import IOLoop
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

import triloop

THREADS = 4
ROUNDS = 12
MESSAGE = b"message" * 4000


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


async def use_both(reactor: Any, wake_other: Callable[[], object]) -> None:
    """A server of Twisted's, a client of asyncio's, Tornado's loop, timed calls, threads, names."""
    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    reader, writer = await asyncio.open_connection("127.0.0.1", port.getHost().port)
    writer.write(MESSAGE)
    assert await reader.readexactly(len(MESSAGE)) == MESSAGE
    writer.close()
    await writer.wait_closed()
    await triloop.wait(port.stopListening())
    wake_other()
    loop = asyncio.get_running_loop()
    assert IOLoop.current().asyncio_loop is loop  # type: ignore[attr-defined]
    result = await triloop.wait(triloop.as_deferred(in_task(reactor)))
    assert result == threading.get_ident()
    pool = reactor.getThreadPool()
    other = await triloop.as_future(deferToThreadPool(reactor, pool, threading.get_ident))
    assert other != threading.get_ident()
    assert await triloop.TwistedResolver().resolve("127.0.0.1", 80)


async def in_task(reactor: Any) -> int:
    """A task that may await Deferreds; those of the other threads may not because of it."""
    await deferLater(reactor, 0, int)
    return threading.get_ident()


async def plain_task(reactor: Any) -> bool:
    """Whether a task that was made by asyncio alone is refused a Deferred."""
    try:
        await deferLater(reactor, 0, int)
    except RuntimeError as error:
        return "as_future" in str(error)
    return False


class Ring:
    """The reactors of the threads; each thread wakes that of the next one."""

    def __init__(self) -> None:
        self.reactors: list[Any] = [None] * THREADS
        self.calls = [0] * THREADS

    def wake(self, place: int) -> None:
        other = (place + 1) % THREADS
        reactor = self.reactors[other]
        if reactor is not None:
            reactor.callFromThread(self._called, other)

    def _called(self, place: int) -> None:
        self.calls[place] += 1


async def play(ring: Ring, place: int, reactor: Any) -> None:
    asyncio.get_running_loop().slow_callback_duration = 60  # other threads take turns
    ring.reactors[place] = reactor
    try:
        await use_both(reactor, lambda: ring.wake(place))
        assert await asyncio.create_task(plain_task(reactor))
    finally:
        ring.reactors[place] = None


def twisted_in_asyncio(ring: Ring, place: int) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with triloop.TornadoReactor(loop) as reactor:
        loop.run_until_complete(play(ring, place, reactor))
    asyncio.set_event_loop(None)
    loop.close()


def asyncio_in_twisted(ring: Ring, place: int) -> None:
    # One of the threads gets the global reactor, the others a reactor of their own.
    loop = triloop.new_event_loop(EPollReactor() if place % 2 else None)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(play(ring, place, loop.reactor))
    asyncio.set_event_loop(None)
    reactor = loop.reactor
    loop.close()
    if place % 2:
        reactor.fireSystemEvent("shutdown")
        reactor.removeAll()


def play_both(ring: Ring, place: int) -> None:
    twisted_in_asyncio(ring, place)
    asyncio_in_twisted(ring, place)


def fork_meanwhile(threads: list[Future[None]]) -> None:
    """Fork again and again while the other threads use, make and close loops and reactors."""
    warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
    while not all(thread.done() for thread in threads):
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0


def script(program: str, *options: str) -> None:
    ring = Ring()
    together = threading.Barrier(THREADS)
    play_one = globals()[program]

    def run(place: int) -> None:
        together.wait()
        for _ in range(ROUNDS):
            play_one(ring, place)

    play_one(ring, 1)  # Twisted opens a file at the first port, and two threads would open two
    with ThreadPoolExecutor(THREADS) as pool:
        threads = [pool.submit(run, place) for place in range(THREADS)]
        if "forks" in options:
            fork_meanwhile(threads)
        for thread in threads:
            thread.result()
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert not sys._is_gil_enabled(), "an import has switched the interpreter lock on"  # type: ignore[attr-defined]


if __name__ == "__main__":
    script(*sys.argv[1:])
