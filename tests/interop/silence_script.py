"""What would never happen is an error or a warning: ``silence_script.py PROGRAM``."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import re
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from tornado.ioloop import IOLoop
from twisted.internet import process
from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import AlreadyCancelled
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import LoopingCall, deferLater
from twisted.protocols.wire import Echo

import triloop
from tests.interop.programs import run_program


class Held:
    """Timed calls of a reactor, held by Twisted's classes and by an application."""

    def __init__(self, reactor: Any) -> None:
        self.call = reactor.callLater(60, print)
        self.waiting: Deferred[None] = deferLater(reactor, 60)
        self.waiting.addErrback(lambda _: None)
        self.looping = LoopingCall(int)
        self.looping.clock = reactor
        self.looping.start(60, now=False)

    def check_dropped(self) -> None:
        """Check that all are cancelled, and that their holders can be stopped."""
        assert not self.call.active()
        for use in (self.call.cancel, lambda: self.call.reset(0), lambda: self.call.delay(-1)):
            with pytest.raises(AlreadyCancelled):
                use()
        self.waiting.cancel()
        self.looping.stop()


def calls_that_a_block_leaves_behind_are_cancelled() -> None:
    async def main() -> None:
        async with triloop.attached() as reactor:
            held = Held(reactor)
            ended: asyncio.Future[None] = triloop.as_future(deferLater(reactor, 60))
        held.check_dropped()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ended, 0.01)

    asyncio.run(main())


def calls_that_a_restart_leaves_behind_are_cancelled() -> None:
    reactor = triloop.install(restartable=True)
    held = Held(reactor)
    for _ in range(2):
        reactor.callWhenRunning(reactor.stop)
        reactor.run()
    held.check_dropped()


def calls_of_the_parent_are_cancelled_in_a_child() -> None:
    native = EPollReactor()
    loop = triloop.new_event_loop(native)
    guest = triloop.TornadoReactor(asyncio.new_event_loop())
    held = [Held(reactor) for reactor in (native, guest)]
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            for one in held:
                one.check_dropped()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    for one in held:
        assert one.call.active()
        one.call.cancel()
        one.looping.stop()
        one.waiting.cancel()
    guest.fireSystemEvent("shutdown")
    guest._asyncioEventloop.close()
    loop.close()


def a_child_ends_though_the_table_of_processes_was_replaced() -> None:
    reactor = triloop.install()
    ended = []

    class Child(ProcessProtocol):
        def processEnded(self, reason: object) -> None:
            ended.append(reason)
            reactor.stop()

    def spawn() -> None:
        # Only SIGCHLD can report its end: it has no descriptor left then.
        command = "import os, time; [os.close(n) for n in range(3)]; time.sleep(0.1)"
        python = [sys.executable, "-c", command]
        reactor.spawnProcess(Child(), sys.executable, python, usePTY=True)

    process.reapProcessHandlers = {}
    reactor.callWhenRunning(spawn)
    reactor.callLater(20, reactor.stop)
    reactor.run()
    assert len(ended) == 1


def scrapy_gets_the_loop_of_its_setting() -> None:
    from scrapy.utils import reactor as scrapy_reactor

    with contextlib.closing(asyncio.new_event_loop()) as before:  # or Scrapy makes one
        asyncio.set_event_loop(before)
        scrapy_reactor.install_reactor("triloop.TornadoReactor", "uvloop.Loop")
    scrapy_reactor.verify_installed_reactor("triloop.TornadoReactor")
    scrapy_reactor.verify_installed_asyncio_event_loop("uvloop.Loop")
    from twisted.internet import reactor

    loop = reactor._asyncioEventloop  # type: ignore[attr-defined]
    assert asyncio.get_event_loop() is loop
    reactor.callWhenRunning(reactor.stop)
    reactor.run()
    assert "scrapy/utils/reactor.py:" in reactor.installed_by  # type: ignore[attr-defined]


def a_twisted_ioloop_is_refused_inside_a_running_loop() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"triloop.attached\(\)"):
            triloop.TwistedIOLoop()
        # The fix in the error works: no reactor has been installed before it.
        async with triloop.attached() as reactor:
            # Here a loop may be made on the reactor, which runs.
            nested = triloop.TwistedIOLoop(reactor)
            done = asyncio.get_running_loop().create_future()
            nested.call_later(0, done.set_result, None)
            await done
        nested.close()

    asyncio.run(main())


def a_call_on_a_loop_that_nothing_runs_is_warned_of_once() -> None:
    async def main() -> None:
        loop = triloop.new_event_loop(EPollReactor())
        with pytest.warns(RuntimeWarning, match="call_soon_threadsafe") as told:
            loop.call_later(0, print)
        assert told[0].filename == __file__
        loop.call_soon(print)  # a warning would be an error here
        loop.close()

    asyncio.run(main())


def a_call_from_the_wrong_thread_is_noticed_in_debug_mode() -> None:
    reactor = triloop.install()
    refused: list[str] = []

    def use_all(when: str) -> None:
        uses: dict[str, Callable[[], object]] = {
            "callLater": lambda: reactor.callLater(0, print),
            "addReader": lambda: reactor.addReader(server),
            "write": lambda: server.write(b"x"),
            "stop": reactor.stop,
            "crash": reactor.crash,
            "fireSystemEvent": lambda: reactor.fireSystemEvent("shutdown"),
            "iterate": reactor.iterate,
        }
        for use in uses.values():
            with pytest.raises(RuntimeError, match=re.escape(threading.current_thread().name)):
                use()
        refused.append(when)

    def use_in_thread(when: str) -> threading.Thread:
        thread = threading.Thread(target=use_all, args=[when])
        thread.start()
        return thread

    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(None, use_all, "between turns")
        reactor.callLater(0, lambda: use_in_thread("in a turn").join())
        await triloop.as_future(deferLater(reactor, 0.01))
        reactor.stop()

    here, there = socket.socketpair()
    protocol = Protocol()
    factory = Factory.forProtocol(lambda: protocol)
    reactor.adoptStreamConnection(here.fileno(), socket.AF_UNIX, factory)
    server: Any = protocol.transport
    here.close()
    reactor.callWhenRunning(lambda: triloop.as_deferred(main()))
    reactor.run()
    there.close()
    assert refused == ["between turns", "in a turn"]


def a_call_is_made_by_the_loop_that_is_current_by_then() -> None:
    first, second, third = (IOLoop(make_current=False) for _ in range(3))
    asyncio.set_event_loop(first.asyncio_loop)
    reactor = triloop.install(first)
    first.run_sync(lambda: deferLater(reactor, 0))
    for follower in (second, first, third):
        if follower is third:
            first.close()
        asyncio.set_event_loop(follower.asyncio_loop)
        done = deferLater(reactor, 0.01, int)
        assert follower.run_sync(lambda done=done: done, timeout=20) == 0
    # A coroutine goes to the current loop too, not to the one where the reactor has run.
    asyncio.set_event_loop(second.asyncio_loop)
    begun = triloop.as_future(asyncio.sleep(0, 1))
    assert second.run_sync(lambda: begun, timeout=20) == 1
    # It starts in its own loop or the current one, whichever runs first.
    asyncio.set_event_loop(second.asyncio_loop)
    waiting = deferLater(reactor, 0.01, int)
    assert third.run_sync(lambda: waiting, timeout=20) == 0
    for loop in (second, third):
        loop.close()


def awaiting_a_reactor_that_nothing_runs_is_warned_of() -> None:
    from twisted.internet import reactor
    from twisted.internet.threads import deferToThread

    async def within(make: Callable[[], Any], wait: Callable[[Any], Any]) -> list[str]:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for _ in range(2):
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(wait(make()), 0.01)
        assert all(one.filename == __file__ for one in told)
        return [str(one.message) for one in told]

    assert asyncio.run(within(Deferred, triloop.as_future)) == []
    for make in (lambda: deferLater(reactor, 60), lambda: deferToThread(int)):
        for wait in (triloop.as_future, triloop.wait):
            (told,) = asyncio.run(within(make, wait))
            assert "EPollReactor" in told
            assert __file__ in told
            assert "triloop.install()" in told
            for call in reactor.getDelayedCalls():
                call.cancel()
    assert threading.active_count() == 1


def awaiting_a_reactor_of_another_thread_is_warned_of() -> None:
    reactor: Any = importlib.import_module("twisted.internet.reactor")

    async def main(*, warned: bool) -> None:
        deferred: Deferred[int] = Deferred()
        with contextlib.ExitStack() as stack:
            if warned:
                stack.enter_context(pytest.warns(RuntimeWarning, match="another thread"))
            future = triloop.as_future(deferred)
        deferred.callback(1)
        assert await future == 1

    def hosted() -> None:
        """Await a Deferred in a thread with a reactor of its own, which fires it."""
        loop = asyncio.new_event_loop()
        with contextlib.closing(loop), triloop.TornadoReactor(loop) as own:
            own.callWhenRunning(lambda: triloop.as_deferred(main(warned=False), eager=True))
            own.callWhenRunning(own.callLater, 0, own.stop)
            own.run()

    runs = threading.Event()
    reactor.callWhenRunning(runs.set)
    thread = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False})
    thread.start()
    assert runs.wait(20)
    try:
        asyncio.run(main(warned=True))
        hosted()
    finally:
        reactor.callFromThread(reactor.stop)
        thread.join(20)


def what_was_made_before_the_loop_happens_in_it() -> None:
    reactor = triloop.install()

    async def main(early: Any) -> int:
        return await asyncio.wait_for(triloop.as_future(early), 20)

    assert asyncio.run(main(deferLater(reactor, 0.01, int))) == 0
    assert asyncio.run(main(deferLater(reactor, 0.01, int))) == 0
    with contextlib.closing(triloop.new_event_loop(SelectReactor())) as loop:
        assert loop.run_until_complete(main(deferLater(reactor, 0.01, int))) == 0


def what_waits_for_the_reactor_happens_in_whatever_loop_is_run() -> None:
    """Nothing of the reactor is used inside the loop."""
    reactor = triloop.install()
    port: Any = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    called: list[str] = []

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port.getHost().port)
        writer.write(b"x")
        with contextlib.closing(writer):
            return await asyncio.wait_for(reader.read(1), 20)

    async def wait(*, expected: bool = True) -> bool:
        for _ in range(2000 if expected else 5):
            if called:
                break
            await asyncio.sleep(0.01)
        return called == [way] if expected else not called

    assert asyncio.run(ask()) == b"x"
    ways: dict[str, Callable[[], object]] = {
        "IOLoop": lambda: run_and_close(IOLoop(), wait),
        "asyncio.run": lambda: asyncio.run(wait()),
        "uvloop.run": lambda: uvloop.run(wait()),
    }
    if sys.version_info >= (3, 11):
        ways["Runner"] = lambda: run_in_runner(wait())
    for way, run in ways.items():
        reactor.callLater(0.01, called.append, way)
        # It does not belong to another thread's loop.
        thread = threading.Thread(target=lambda: asyncio.run(wait(expected=False)))
        thread.start()
        thread.join()
        assert run() is True, way
        called.clear()

    async def running() -> bool:
        await asyncio.sleep(0)
        return reactor.running

    assert not asyncio.run(running())  # nothing waits for it


def run_and_close(io_loop: Any, main: Callable[[], Any]) -> object:
    with contextlib.closing(io_loop):
        return io_loop.run_sync(main)


def run_in_runner(main: Any) -> object:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(main)


if __name__ == "__main__":
    run_program(globals())
