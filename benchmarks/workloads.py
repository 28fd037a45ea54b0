"""Programs that measure themselves: ``python -m benchmarks.workloads CONTENDER JOB SECONDS``.

Each prints its operations, the CPU nanoseconds of the whole process and the seconds they took.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import random
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.contenders import die_with_parent, is_reactor, run_loop, run_reactor
from benchmarks.stopwatch import Stopwatch, leave_imports_out

_PENDING = 100_000
_ROUND = 100
_CHILD = "/bin/true"
_CONNECTIONS = 100


def _script() -> itertools.cycle[tuple[int, float, int, float]]:
    """Which timer to cancel and the delay of its successor; which to reset, and to what."""
    chance = random.Random(1)
    return itertools.cycle(
        [
            (
                chance.randrange(_PENDING),
                chance.uniform(100, 1000),
                chance.randrange(_PENDING),
                chance.uniform(100, 1000),
            )
            for _ in range(20_011)
        ]
    )


def _nothing() -> None:
    pass


async def twisted_timers(reactor: Any, seconds: float, *, resets: bool = False) -> Stopwatch:
    """With 100,000 pending: cancel one and add one, in random order; may also reset one."""
    from twisted.internet.task import deferLater

    script, later = _script(), reactor.callLater
    calls = [later(delay, _nothing) for _, delay, *_ in itertools.islice(script, _PENDING)]
    await deferLater(reactor, 0)
    watch = Stopwatch(seconds)
    while not watch.over():
        for cancelled, delay, moved, again in itertools.islice(script, _ROUND):
            calls[cancelled].cancel()
            calls[cancelled] = later(delay, _nothing)
            if resets:
                calls[moved].reset(again)
        watch.operations += _ROUND * (3 if resets else 2)
        await deferLater(reactor, 0)
    return watch


async def twisted_resets(reactor: Any, seconds: float) -> Stopwatch:
    """The same with resets."""
    return await twisted_timers(reactor, seconds, resets=True)


async def asyncio_timers(seconds: float) -> Stopwatch:
    """As :func:`twisted_timers`; asyncio has no resets."""
    script, later = _script(), asyncio.get_running_loop().call_later
    calls = [later(delay, _nothing) for _, delay, *_ in itertools.islice(script, _PENDING)]
    await asyncio.sleep(0)
    watch = Stopwatch(seconds)
    while not watch.over():
        for cancelled, delay, *_ in itertools.islice(script, _ROUND):
            calls[cancelled].cancel()
            calls[cancelled] = later(delay, _nothing)
        watch.operations += _ROUND * 2
        await asyncio.sleep(0)
    return watch


async def asyncio_call_at(seconds: float) -> Stopwatch:
    """Timers that are due at once, a hundred at a time."""
    loop = asyncio.get_running_loop()
    watch = Stopwatch(seconds)
    while not watch.over():
        due, called = loop.time(), loop.create_future()
        for _ in range(_ROUND - 1):
            loop.call_at(due, _nothing)
        loop.call_at(due, called.set_result, None)
        await called
        watch.operations += _ROUND
    return watch


async def asyncio_wait_for(seconds: float) -> Stopwatch:
    """``wait_for`` that succeeds: its timer is cancelled, and stays behind for the loop to drop."""
    watch = Stopwatch(seconds)
    while not watch.over():
        for _ in range(_ROUND):
            await asyncio.wait_for(asyncio.sleep(0), 600)
        watch.operations += _ROUND
    return watch


class Pinger:
    """A thread that calls into the loop, again and again, each time when the last call has run."""

    def __init__(self, call: Callable[..., object], ended: Callable[[], object]) -> None:
        self._call = call
        self._ended = ended
        self._answers: queue.SimpleQueue[None] = queue.SimpleQueue()

    def run(self, seconds: float) -> Stopwatch:
        """For so long; then ``ended`` is called in the loop."""
        watch = Stopwatch(seconds)
        while not watch.over():
            self._call(self._answers.put, None)
            self._answers.get()
            watch.operations += 1
        self._call(self._ended)
        return watch


async def twisted_thread_calls(reactor: Any, seconds: float) -> Stopwatch:
    """``callFromThread``, one after the other."""
    from twisted.internet.defer import Deferred

    ended: Deferred[None] = Deferred()
    pinger = Pinger(reactor.callFromThread, lambda: ended.callback(None))
    return await _in_thread(pinger, seconds, ended)


async def asyncio_thread_calls(seconds: float) -> Stopwatch:
    """``call_soon_threadsafe``, one after the other."""
    ended = asyncio.Event()
    pinger = Pinger(asyncio.get_running_loop().call_soon_threadsafe, ended.set)
    return await _in_thread(pinger, seconds, ended.wait())


async def _in_thread(pinger: Pinger, seconds: float, ended: Awaitable[object]) -> Stopwatch:
    watches: list[Stopwatch] = []
    thread = threading.Thread(target=lambda: watches.append(pinger.run(seconds)))
    thread.start()
    await ended
    thread.join()
    return watches[0]


async def twisted_spawn(reactor: Any, seconds: float) -> Stopwatch:
    """Children that end at once, one after the other."""
    from twisted.internet.defer import Deferred
    from twisted.internet.protocol import ProcessProtocol

    class Child(ProcessProtocol):
        def __init__(self) -> None:
            self.ended: Deferred[None] = Deferred()

        def processEnded(self, reason: object) -> None:
            self.ended.callback(None)

    watch = Stopwatch(seconds)
    while not watch.over():
        child = Child()
        reactor.spawnProcess(child, _CHILD, [_CHILD], env=None)
        await child.ended
        watch.operations += 1
    return watch


async def asyncio_spawn(seconds: float) -> Stopwatch:
    """The same with asyncio, with the three pipes that Twisted gives a child."""
    pipe = asyncio.subprocess.PIPE
    watch = Stopwatch(seconds)
    while not watch.over():
        child = await asyncio.create_subprocess_exec(_CHILD, stdin=pipe, stdout=pipe, stderr=pipe)
        await child.communicate()
        watch.operations += 1
    return watch


async def asyncio_spawn_beside(seconds: float) -> Stopwatch:
    """The same beside open connections of no loop.

    All that the other contender needs is loaded, as a fork costs more with more memory.
    """
    from twisted.internet import asyncioreactor  # noqa: F401

    import triloop  # noqa: F401

    with contextlib.ExitStack() as stack:
        for end in itertools.chain(*(socket.socketpair() for _ in range(_CONNECTIONS))):
            stack.enter_context(end)
        return await asyncio_spawn(seconds)


async def reactor_spawn_beside(reactor: Any, seconds: float) -> Stopwatch:
    """The same beside as many connections of the reactor."""
    from twisted.internet.protocol import Factory, Protocol

    import triloop

    with contextlib.ExitStack() as stack:
        for ours, theirs in (socket.socketpair() for _ in range(_CONNECTIONS)):
            stack.enter_context(ours)
            ours.setblocking(False)
            stack.callback(theirs.close)
            factory = Factory.forProtocol(Protocol)
            connection = reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, factory)
            stack.callback(connection.abortConnection)
            ours.close()
        return await triloop.as_deferred(asyncio_spawn(seconds))


async def asyncio_awaits(seconds: float, job: str) -> Stopwatch:
    """Awaits, one after the other."""
    import triloop
    from benchmarks.awaits import ANYTHING, AWAITS

    make, loop = AWAITS[job], asyncio.get_running_loop()
    with triloop.await_anything() if job in ANYTHING else contextlib.nullcontext():
        watch = Stopwatch(seconds)
        while not watch.over():
            for _ in range(_ROUND):
                await make(loop)
            watch.operations += _ROUND
    return watch


TWISTED: dict[str, Callable[[Any, float], Awaitable[Stopwatch]]] = {
    "timers": twisted_timers,
    "timers-reset": twisted_resets,
    "thread-calls": twisted_thread_calls,
    "spawn": twisted_spawn,
    "spawn-beside": reactor_spawn_beside,
}
ASYNCIO: dict[str, Callable[[float], Awaitable[Stopwatch]]] = {
    "timers": asyncio_timers,
    "call-at": asyncio_call_at,
    "wait-for": asyncio_wait_for,
    "thread-calls": asyncio_thread_calls,
    "spawn": asyncio_spawn,
    "spawn-beside": asyncio_spawn_beside,
}


def work(contender: str, job: str, seconds: float) -> None:
    """Do it, and print what it cost."""

    async def on_reactor(reactor: Any) -> None:
        leave_imports_out()
        (await TWISTED[job](reactor, seconds)).tell()

    async def on_loop() -> None:
        leave_imports_out()
        run = ASYNCIO.get(job)
        watch = await (asyncio_awaits(seconds, job) if run is None else run(seconds))
        watch.tell()

    if is_reactor(contender):
        run_reactor(contender, on_reactor)
    else:
        run_loop(contender, on_loop)


if __name__ == "__main__":
    die_with_parent()
    work(sys.argv[1], sys.argv[2], float(sys.argv[3]))
