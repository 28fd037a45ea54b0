"""Programs whose loops live in a reactor of Twisted's own: ``guest_lifecycle_script.py PROGRAM``.

Others run reactors and loops in threads. Each checks its results.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from tornado.ioloop import IOLoop
from twisted.internet.defer import Deferred
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.threads import deferToThreadPool

import triloop
from tests.interop.programs import run_program

PATIENCE = 10.0


def new_reactor() -> Any:
    """A reactor of Twisted's own that is not the global one."""
    return SelectReactor()


async def use(reactor: Any) -> None:
    """Use each world."""
    called: Deferred[str] = Deferred()
    reactor.callLater(0, called.callback, "called")
    assert await asyncio.wait_for(triloop.as_future(called), PATIENCE) == "called"
    threaded = deferToThreadPool(reactor, reactor.getThreadPool(), threading.get_ident)
    assert await asyncio.wait_for(triloop.as_future(threaded), PATIENCE) != threading.get_ident()
    await asyncio.sleep(0)


def starts_and_stops_many_times() -> None:
    loop: Any = triloop.TwistedIOLoop().install()
    ran: list[int] = []
    for number in range(50):
        loop.add_callback(ran.append, number)
        loop.add_callback(loop.stop)
        loop.start()
        loop.run_sync(lambda: use(loop.reactor))
    assert ran == list(range(50))


def runs_before_and_after_the_reactor() -> None:
    loop = triloop.TwistedIOLoop().install()
    inner, reactor = loop.asyncio_loop, loop.reactor
    inner.run_until_complete(use(reactor))
    for end in (reactor.crash, reactor.stop):
        task = inner.create_task(asyncio.sleep(0, "done"))
        endless = inner.create_task(asyncio.sleep(PATIENCE))
        inner.run_until_complete(asyncio.to_thread(int))
        reactor.callLater(0.01, end)
        reactor.run()
        assert task.result() == "done"
        # A crash leaves work under way, a stop ends it.
        assert endless.cancelled() == (end == reactor.stop)
        assert inner.run_until_complete(asyncio.to_thread(int)) == 0
        endless.cancel()
        # Once it was stopped for good, the loop goes on without the reactor.
        assert inner.run_until_complete(asyncio.sleep(0.01, "alone")) == "alone"
    loop.close()


def what_a_stop_waits_for_may_be_cut_short() -> None:
    """By another stop, by a shutdown at once, and by a crash, which fires no triggers."""
    given_in: list[bool] = []

    async def stubborn() -> None:
        while not given_in:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(PATIENCE)

    cuts: dict[str, tuple[Any, ...]] = {"stop": (), "crash": (), "fireSystemEvent": ("shutdown",)}
    for make, cut in itertools.product((guest_of_asyncio, guest_of_twisted), cuts):
        loop, reactor = make()
        fired: list[str] = []
        task = loop.create_task(stubborn())
        reactor.addSystemEventTrigger("before", "shutdown", fired.append, "before")
        reactor.callWhenRunning(reactor.stop)
        # By its name: what stop() does depends on when it is called.
        reactor.callLater(0.05, lambda r=reactor, cut=cut: getattr(r, cut)(*cuts[cut]))
        reactor.run()
        assert fired == ([] if cut == "crash" else ["before"])
        assert not task.done()
        given_in.append(True)
        task.cancel()
        loop.run_until_complete(asyncio.wait([task]))
        loop.run_until_complete(asyncio.sleep(0))
        given_in.clear()
        reactor.fireSystemEvent("shutdown")
        loop.close()
        assert not {"run", "stop", "fireSystemEvent"} & set(vars(reactor))


def runners_follow_each_other() -> None:
    for _ in range(3):
        loop = triloop.new_event_loop()
        try:
            loop.run_until_complete(use(loop.reactor))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()
        if sys.version_info >= (3, 11):
            with asyncio.Runner(loop_factory=triloop.new_event_loop) as runner:
                for _ in range(2):
                    runner.run(use(runner.get_loop().reactor))  # type: ignore[attr-defined]
        triloop.run(with_global(), loop_factory=triloop.new_event_loop)


async def with_global() -> None:
    from twisted.internet import reactor

    await use(reactor)


def clear_current() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Tornado deprecates it
        IOLoop.clear_current()


def current_may_be_cleared() -> None:
    reactor = new_reactor()
    loop = triloop.TwistedIOLoop(reactor).install()
    assert IOLoop.current() is loop
    clear_current()
    assert IOLoop.current(instance=False) is None
    loop.run_sync(lambda: use(reactor))
    loop.install()
    assert IOLoop.current() is loop
    loop.close()
    clear_current()


def closed_while_the_reactor_goes_on() -> None:
    reactor = new_reactor()
    order: list[str] = []

    async def main(name: str) -> None:
        await use(reactor)
        order.append(name)

    def life(name: str, then: Callable[[], None]) -> None:
        loop = triloop.ReactorEventLoop(reactor)

        def over(task: asyncio.Task[None]) -> None:
            task.result()
            reactor.callLater(0, close)

        def close() -> None:
            loop.close()
            reactor.callLater(0.01, then)

        loop.create_task(main(name)).add_done_callback(over)

    def after_first() -> None:
        order.append("reactor alone")
        life("second", reactor.stop)

    reactor.callWhenRunning(life, "first", after_first)
    reactor.run()
    assert order == ["first", "reactor alone", "second"]


def closed_by_the_reactor_itself() -> None:
    """Calls of the reactor's methods from the time when they were replaced still take effect."""
    reactor = new_reactor()
    loop = triloop.ReactorEventLoop(reactor)
    order: list[str] = []
    reactor.callLater(0.01, loop.close)
    reactor.callLater(0.02, order.append, "reactor alone")
    reactor.callLater(0.03, reactor.stop)
    reactor.run()
    assert order == ["reactor alone"]


def threads_in_the_pool_do_not_keep_the_process() -> None:
    loop = triloop.new_event_loop()
    from twisted.internet import reactor

    reactor.addSystemEventTrigger("during", "shutdown", sys.stdout.write, "")
    loop.run_until_complete(use(reactor))
    loop.close()
    own = triloop.new_event_loop(new_reactor())
    own.run_until_complete(use(own.reactor))  # and never closed
    second = triloop.new_event_loop()
    third = triloop.new_event_loop()  # on a reactor of its own
    third.run_until_complete(use(third.reactor))
    third.close()
    second.close()


class Threaded:
    """A loop with a reactor, run by a new thread."""

    def __init__(self, make: Callable[[], tuple[Any, Any]]) -> None:
        self.ready = threading.Event()
        self.heard: list[tuple[str, int]] = []
        self._make = make
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        assert self.ready.wait(PATIENCE)

    def _run(self) -> None:
        self.loop, self.reactor = self._make()
        self.loop.call_soon(self.ready.set)
        self.loop.run_forever()
        if isinstance(self.reactor, triloop.TornadoReactor):
            self.reactor.fireSystemEvent("shutdown")
        self.loop.close()

    def note(self, word: str) -> None:
        self.heard.append((word, threading.get_ident()))


def guest_of_asyncio() -> tuple[Any, Any]:
    loop = asyncio.new_event_loop()
    return loop, triloop.TornadoReactor(loop)


def guest_of_twisted() -> tuple[Any, Any]:
    reactor = new_reactor()
    return triloop.ReactorEventLoop(reactor), reactor


def threads_feed_each_other() -> None:
    for make in (guest_of_asyncio, guest_of_twisted):
        both = [Threaded(make), Threaded(make)]
        for one in both:
            for number in range(100):
                one.reactor.callFromThread(one.note, f"Twisted {number}")
                one.loop.call_soon_threadsafe(one.note, f"asyncio {number}")
            asyncio.run_coroutine_threadsafe(use(one.reactor), one.loop).result(PATIENCE)
        for one in both:
            one.loop.call_soon_threadsafe(one.loop.stop)
            one.thread.join(PATIENCE)
            for world in ("Twisted", "asyncio"):
                heard = [word for word, _ in one.heard if word.startswith(world)]
                assert heard == [f"{world} {number}" for number in range(100)]
            assert {thread for _, thread in one.heard} == {one.thread.ident}


def wrong_threads_are_named_in_debug_mode() -> None:
    for make in (guest_of_asyncio, guest_of_twisted):
        one = Threaded(make)
        assert one.loop.get_debug()
        with pytest.raises(RuntimeError, match="thread"):
            one.loop.call_soon(int)
        if make is guest_of_asyncio:
            with pytest.raises(RuntimeError, match="MainThread"):
                one.reactor.callLater(0, int)
        one.loop.call_soon_threadsafe(one.loop.stop)
        one.thread.join(PATIENCE)


if __name__ == "__main__":
    run_program(globals())
