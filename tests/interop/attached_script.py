"""Programs that attach Twisted to a loop that runs: ``attached_script.py PROGRAM``.

Each program checks its results, and that nothing is left over.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tornado.ioloop import IOLoop
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ReactorAlreadyRunning, ReactorNotRestartable
from twisted.internet.protocol import ClientFactory, Factory, ProcessProtocol, Protocol

import triloop
from tests.interop.programs import run_program

PATIENCE = 10.0
DESCRIPTORS = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")


def held() -> tuple[int, int]:
    """How many descriptors and threads this process has."""
    return len(list(DESCRIPTORS.iterdir())), threading.active_count()


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[union-attr]


class Call(Protocol):
    """Sends a word and reads its echo."""

    def __init__(self, answer: Deferred[bytes]) -> None:
        self.answer = answer

    def connectionMade(self) -> None:
        self.transport.write(b"word")  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.answer.callback(data)


class End(ProcessProtocol):
    def __init__(self) -> None:
        self.ended: Deferred[bool] = Deferred()

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(bool(reason.check(ProcessDone)))


async def settle(awaitable: Any) -> Any:
    return await asyncio.wait_for(triloop.as_future(awaitable), PATIENCE)


async def use(reactor: Any) -> None:
    """Use a timed call, a thread, a server with a client, and a process, all at once."""
    from twisted.internet.threads import deferToThread

    called: Deferred[str] = Deferred()
    answer: Deferred[bytes] = Deferred()
    reactor.callLater(0, called.callback, "called")
    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    client: Any = ClientFactory()
    client.noisy = False
    client.buildProtocol = lambda _: Call(answer)
    reactor.connectTCP("127.0.0.1", port.getHost().port, client)
    end = End()
    reactor.spawnProcess(end, "/bin/true", ["true"], {})
    threaded = deferToThread(threading.get_ident)
    assert await settle(called) == "called"
    assert await settle(threaded) != threading.get_ident()
    assert await settle(answer) == b"word"
    assert await settle(end.ended)


async def use_attached(events: list[str] | None = None) -> Any:
    """Use everything in one block, and leave it open."""
    async with triloop.attached() as reactor:
        assert reactor.running
        await use(reactor)
        if events is not None:
            waited: Deferred[None] = Deferred()
            reactor.callLater(0.02, waited.callback, None)
            reactor.addSystemEventTrigger("before", "shutdown", lambda: waited)
            waited.addCallback(lambda _: events.append("before"))
            reactor.addSystemEventTrigger("during", "shutdown", events.append, "during")
        reactor.callLater(PATIENCE * 6, sys.exit, "a timed call outlived its reactor")
    assert not reactor.running
    return reactor


async def use_attached_shared() -> None:
    async with triloop.attached() as reactor:
        await use(reactor)


def everything_works_at_once() -> None:
    events: list[str] = []

    async def main() -> None:
        before = held(), asyncio.all_tasks()
        reactor = await use_attached(events)
        assert events == ["before", "during"]
        assert (held(), asyncio.all_tasks()) == before
        assert not reactor.getDelayedCalls()

    asyncio.run(main())


def attaches_to_one_loop_after_another() -> None:
    import uvloop

    before = held()
    for _ in range(2):
        first = asyncio.run(use_attached())
        loop = uvloop.new_event_loop()
        assert loop.run_until_complete(use_attached()) is first
        assert loop.run_until_complete(use_attached()) is first
        loop.close()
        IOLoop().run_sync(use_attached)
        IOLoop.current().close(all_fds=True)
        asyncio.set_event_loop(None)
    uvloop_keeps = 2  # its signal socket pair, one for the process
    assert held()[0] <= before[0] + uvloop_keeps


def nested_and_concurrent_use_is_counted() -> None:
    seen: list[str] = []

    async def user(number: int) -> None:
        await asyncio.sleep(number * 0.01)
        async with triloop.attached() as reactor, triloop.attached() as same:
            assert same is reactor
            assert reactor.running
            await use(reactor)
            await asyncio.sleep(number * 0.01)
            assert reactor.running

    async def main() -> None:
        async with triloop.attached() as reactor:
            reactor.addSystemEventTrigger("before", "shutdown", seen.append, "ended")
            await asyncio.gather(*map(user, range(5)))
            assert (reactor.running, seen) == (True, [])
        assert (reactor.running, seen) == (False, ["ended"])

    asyncio.run(main())


def a_block_may_begin_while_the_last_one_ends() -> None:
    async def main() -> None:
        ending = asyncio.Event()
        released: Deferred[None] = Deferred()

        def hold() -> Deferred[None]:
            ending.set()
            asyncio.get_running_loop().call_later(0.05, released.callback, None)
            return released

        async def first() -> None:
            async with triloop.attached() as reactor:
                reactor.addSystemEventTrigger("before", "shutdown", hold)

        async def second() -> None:
            await ending.wait()
            await use_attached_shared()

        await asyncio.gather(first(), second(), second())
        await use_attached()

    asyncio.run(main())


def leaving_is_not_broken_off() -> None:
    async def main() -> None:
        released: Deferred[None] = Deferred()
        inside = asyncio.Event()

        async def block() -> None:
            async with triloop.attached() as reactor:
                reactor.addSystemEventTrigger("before", "shutdown", lambda: released)
                inside.set()

        task = asyncio.create_task(block())
        await inside.wait()
        await asyncio.sleep(0.02)
        task.cancel()
        _, pending = await asyncio.wait([task], timeout=0.05)
        assert pending, "the end was not waited for"
        released.callback(None)
        await asyncio.wait([task])
        assert task.cancelled()
        await use_attached()

    asyncio.run(main())


def first_use_attaches() -> None:
    reactor = triloop.install()  # for a loop that is never run

    async def main() -> None:
        before = held()
        assert not reactor.running
        await use(reactor)
        assert reactor.running
        assert reactor._asyncioEventloop is asyncio.get_running_loop()
        assert held() > before

    asyncio.run(main())
    assert not reactor.running
    asyncio.run(main())
    asyncio.run(use_attached())
    asyncio.run(main())


def a_stopped_reactor_leaves_the_loop_alone() -> None:
    ended: list[bool] = []

    async def main() -> None:
        async with triloop.attached() as reactor:
            await use(reactor)
            reactor.stop()
            await asyncio.sleep(0.05)
            assert not reactor.running
            await use_attached_shared()
            assert reactor.running
        await use_attached()

    async def crashed() -> None:
        async with triloop.attached() as reactor:
            reactor.addSystemEventTrigger("before", "shutdown", ended.append, True)
            await use(reactor)
            reactor.crash()

    async def unattached() -> None:
        from twisted.internet import reactor

        await use(reactor)
        reactor.stop()

    asyncio.run(main())
    asyncio.run(crashed())
    assert ended
    asyncio.run(unattached())


def run_says_what_to_do_instead() -> None:
    async def main() -> None:
        async with triloop.attached() as reactor:
            expect(ReactorAlreadyRunning, reactor.run, "leave out reactor.run()")
        expect(ReactorAlreadyRunning, reactor.run, "triloop.attached()")
        work = asyncio.sleep(0)
        expect(RuntimeError, lambda: triloop.run(work), "triloop.attached()")

    asyncio.run(main())


def expect(kind: type[BaseException], act: Any, *words: str) -> None:
    with pytest.raises(kind) as raised:
        act()
    missing = [word for word in words if word not in str(raised.value)]
    assert not missing, (missing, str(raised.value))


def another_loop_is_told_of_both() -> None:
    async def elsewhere(reactor: Any, owner: asyncio.AbstractEventLoop) -> None:
        names = f"{id(owner):#x}", f"{id(asyncio.get_running_loop()):#x}"
        expect(RuntimeError, lambda: reactor.callLater(0, print), *names)
        with pytest.raises(RuntimeError) as raised:
            await triloop.attached().__aenter__()
        assert all(name in str(raised.value) for name in names)

    async def main() -> None:
        async with triloop.attached() as reactor:
            work = elsewhere(reactor, asyncio.get_running_loop())
            await asyncio.to_thread(asyncio.run, work)
            await asyncio.to_thread(
                expect, RuntimeError, lambda: reactor.callLater(0, print), "callFromThread"
            )
            await use(reactor)

    asyncio.run(main())  # in debug mode: only there the thread is looked at


def ended_and_run_again() -> None:
    reactor = triloop.install(restartable=True)
    for _ in range(20):
        reactor.callWhenRunning(reactor.callLater, 0, reactor.stop)
        reactor.run()
    asyncio.run(use_attached())
    reactor.callWhenRunning(reactor.stop)
    reactor.run()
    strict = triloop.TornadoReactor(asyncio.new_event_loop())
    strict.callWhenRunning(strict.stop)
    strict.run()
    expect(ReactorNotRestartable, strict.run, "restartable=True")


def a_stop_ends_what_asyncio_has_and_the_loop_may_be_run_again() -> None:
    import uvloop

    async def work(events: list[str]) -> None:
        await asyncio.to_thread(events.append, "executor")
        async for _ in ticks(events):
            pass

    async def ticks(events: list[str]) -> AsyncGenerator[None, None]:
        try:
            while True:
                yield
                await asyncio.sleep(0.01)
        finally:
            events.append("closed")

    for loop in (asyncio.new_event_loop(), uvloop.new_event_loop()):
        reactor = triloop.TornadoReactor(loop, restartable=True)
        for _ in range(3):
            events: list[str] = []
            task = loop.create_task(work(events))
            reactor.callWhenRunning(reactor.callLater, 0.05, reactor.stop)
            reactor.addSystemEventTrigger("before", "shutdown", events.append, "before")
            reactor.run()
            assert task.cancelled()
            assert events == ["executor", "closed", "before"]
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def runs_to_a_result() -> None:
    async def main(value: int) -> int:
        from twisted.internet import reactor

        await use(reactor)
        return value

    async def failing() -> None:
        await main(1)
        raise LookupError

    for value in range(3):
        assert triloop.run(main(value), debug=True) == value
    expect(LookupError, lambda: triloop.run(failing()))
    import uvloop

    assert triloop.run(main(3), loop_factory=uvloop.new_event_loop) == 3


def cycles_leak_nothing() -> None:
    def tally(reactor: Any) -> dict[str, int]:
        gc.collect()
        triggers = sum(
            len(getattr(event, phase))
            for event in reactor._eventTriggers.values()
            for phase in ("before", "during", "after")
        )
        descriptors, threads = held()
        loop: Any = asyncio.get_running_loop()
        return {
            "triggers": triggers,
            "descriptors": descriptors,
            "threads": threads,
            "tasks": len(asyncio.all_tasks()),
            "generators": len(loop._asyncgens),
            "timed calls": len(reactor.timed_calls.heap) + len(loop._scheduled),
        }

    async def main() -> None:
        from twisted.internet.threads import deferToThread

        async def cycle() -> Any:
            async with triloop.attached() as reactor:
                await settle(deferToThread(int))
                reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
                reactor.callLater(PATIENCE * 6, int)
                return reactor

        for _ in range(120):  # until what is kept for reuse has its full size
            reactor = await cycle()
        before, objects = tally(reactor), len(gc.get_objects())
        for _ in range(200):
            await cycle()
        assert tally(reactor) == before, (before, tally(reactor))
        grown = len(gc.get_objects()) - objects
        assert grown < 20, grown

    asyncio.run(main())


if __name__ == "__main__":
    run_program(globals())
