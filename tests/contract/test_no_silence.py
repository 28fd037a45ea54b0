"""A call that would never happen is an error, at the line that asks for it.

The table has all public names: what happens when nothing runs the loop, when another loop runs, in
another thread, and with an argument of a wrong kind?
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple

import pytest
from tornado.ioloop import IOLoop
from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ReactorAlreadyRunning
from twisted.internet.task import Clock

import triloop

PATIENCE = 20


class Elsewhere:
    """A native reactor that runs in another thread, and the loop in it."""

    def __init__(self) -> None:
        self.reactor: Any = EPollReactor()
        self.loop = triloop.new_event_loop(self.reactor)
        self._runs = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._runs.wait(PATIENCE)

    def _run(self) -> None:
        self.loop.call_soon(self._runs.set)
        self.loop.run_forever()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()
        dispose_of(self.reactor)


def dispose_of(reactor: Any) -> None:
    """Close what a native reactor holds; it has no method for that."""
    for reader in list(reactor._internalReaders):
        reactor.removeReader(reader)
        reader.connectionLost(None)
    reactor._poller.close()


class Situation:
    """The objects for the calls of the table."""

    def __init__(self) -> None:
        self.stack = contextlib.ExitStack()
        self.coroutines: list[Coroutine[Any, Any, None]] = []

    @property
    def elsewhere(self) -> Elsewhere:
        return self.stack.enter_context(contextlib.closing(Elsewhere()))

    @property
    def closed(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.close()
        return loop

    @property
    def io_loop(self) -> IOLoop:
        io_loop: IOLoop = IOLoop(make_current=False)
        self.stack.callback(io_loop.close)
        return io_loop

    @property
    def native(self) -> Any:
        """A reactor of Twisted's own, at rest."""
        reactor = EPollReactor()
        self.stack.callback(dispose_of, reactor)
        return reactor

    def guest(self, loop: asyncio.AbstractEventLoop) -> triloop.TornadoReactor:
        return self.stack.enter_context(triloop.TornadoReactor(loop))

    @property
    def own_guest(self) -> triloop.TornadoReactor:
        """A reactor in a loop that does not run."""
        loop = asyncio.new_event_loop()
        self.stack.callback(loop.close)
        return self.guest(loop)

    @property
    def coroutine(self) -> Coroutine[Any, Any, None]:
        self.coroutines.append(asyncio.sleep(0))
        return self.coroutines[-1]

    def close(self) -> None:
        for coroutine in self.coroutines:
            coroutine.close()
        self.stack.close()


@pytest.fixture
def situation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Situation]:
    """No global reactor, and no current loop."""
    monkeypatch.delitem(sys.modules, "twisted.internet.reactor", raising=False)
    asyncio.set_event_loop(None)
    with contextlib.closing(Situation()) as made:
        yield made
    assert "twisted.internet.reactor" not in sys.modules


class Case(NamedTuple):
    """A call, and what its error says."""

    call: Callable[[Situation], Any]
    error: type[BaseException]
    says: str


async def enter() -> None:
    async with triloop.attached():
        pass


def step(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Begin a coroutine where no loop runs, as a driver other than asyncio's does."""
    with contextlib.closing(coroutine):
        coroutine.send(None)


#: Some calls are wrong on purpose.
untyped: Any = triloop

#: Called where no loop runs.
OUTSIDE = {
    "BaseHost: without its methods": Case(lambda s: untyped.BaseHost(), TypeError, "add_reader"),
    "reactor_on: no host": Case(lambda s: untyped.reactor_on(s.closed), TypeError, "has no nests"),
    "loop_on: no host": Case(
        lambda s: untyped.loop_on(s.native).__enter__(), TypeError, r"triloop.new_event_loop\(\)"
    ),
    "as_future: no loop": Case(
        lambda s: untyped.as_future(Deferred()), RuntimeError, r"triloop.install\(\)"
    ),
    "as_future: coroutine, no loop": Case(
        lambda s: untyped.as_future(s.coroutine), RuntimeError, r"triloop.install\(\)"
    ),
    "as_future: closed loop": Case(
        lambda s: untyped.as_future(Deferred(), loop=s.closed), RuntimeError, "is closed"
    ),
    "as_future: Future of a closed loop": Case(
        lambda s: untyped.as_future(s.closed.create_future()), RuntimeError, "is closed"
    ),
    "as_future: loop of another thread": Case(
        lambda s: untyped.as_future(Deferred(), loop=s.elsewhere.loop),
        RuntimeError,
        "callFromThread",
    ),
    "as_future: Future of another thread": Case(
        lambda s: untyped.as_future(s.elsewhere.loop.create_future()),
        RuntimeError,
        "run_coroutine_threadsafe",
    ),
    "as_future: IOLoop": Case(
        lambda s: untyped.as_future(Deferred(), loop=s.io_loop),
        TypeError,
        "asyncio_loop",
    ),
    "as_deferred: no loop": Case(
        lambda s: untyped.as_deferred(s.coroutine), RuntimeError, r"triloop.install\(\)"
    ),
    "as_deferred: eager, no loop": Case(
        lambda s: untyped.as_deferred(s.coroutine, eager=True),
        RuntimeError,
        r"triloop.install\(\)",
    ),
    "as_deferred: Future of a closed loop": Case(
        lambda s: untyped.as_deferred(s.closed.create_future()), RuntimeError, "is closed"
    ),
    "as_deferred: Future of another thread": Case(
        lambda s: untyped.as_deferred(s.elsewhere.loop.create_future()),
        RuntimeError,
        "run_coroutine_threadsafe",
    ),
    "as_deferred: a function": Case(
        lambda s: untyped.as_deferred(enter),
        TypeError,
        "call it",
    ),
    "returns_deferred: no loop": Case(
        lambda s: triloop.returns_deferred(lambda: s.coroutine)(),
        RuntimeError,
        r"triloop.install\(\)",
    ),
    "returns_future: no loop": Case(
        lambda s: triloop.returns_future(Deferred)(), RuntimeError, r"triloop.install\(\)"
    ),
    "wait: no loop": Case(
        lambda s: step(untyped.wait(s.coroutine)), RuntimeError, r"triloop.install\(\)"
    ),
    "wait: nothing awaitable": Case(lambda s: untyped.wait(3), TypeError, "3"),
    "attached: no loop": Case(lambda s: step(enter()), RuntimeError, "as_deferred"),
    "run: a function": Case(lambda s: untyped.run(enter), TypeError, "call it"),
    "run: no loop made": Case(
        lambda s: untyped.run(s.coroutine, loop_factory=object),
        TypeError,
        "event loop",
    ),
    "run: closed loop made": Case(
        lambda s: untyped.run(s.coroutine, loop_factory=lambda: s.closed),
        RuntimeError,
        "is closed",
    ),
    "install: nonsense": Case(lambda s: untyped.install(3), TypeError, "3"),
    "install: closed loop": Case(lambda s: untyped.install(s.closed), RuntimeError, "is closed"),
    "install: loop of another thread": Case(
        lambda s: untyped.install(s.elsewhere.loop), RuntimeError, "callFromThread"
    ),
    "TornadoReactor: loop of another thread": Case(
        lambda s: untyped.TornadoReactor(s.elsewhere.loop), RuntimeError, "callFromThread"
    ),
    "ReactorEventLoop: closed in another thread": Case(
        lambda s: s.elsewhere.loop.close(), RuntimeError, "call_soon_threadsafe"
    ),
    "ReactorEventLoop: a loop": Case(
        lambda s: untyped.ReactorEventLoop(s.closed), TypeError, "IReactorFDSet"
    ),
    "new_event_loop: reactor of another thread": Case(
        lambda s: untyped.new_event_loop(s.elsewhere.reactor), ValueError, "another"
    ),
    "new_event_loop: reactor that cannot": Case(
        lambda s: untyped.new_event_loop(Clock()), TypeError, "IReactorFDSet"
    ),
    "TwistedIOLoop: reactor that cannot": Case(
        lambda s: untyped.TwistedIOLoop(Clock()), TypeError, "IReactorFDSet"
    ),
}

#: Called in a task of asyncio.
INSIDE = {
    "run": Case(lambda s: untyped.run(s.coroutine), RuntimeError, r"triloop.attached\(\)"),
    "TwistedIOLoop": Case(lambda s: untyped.TwistedIOLoop(), RuntimeError, r"triloop.attached\(\)"),
    "TwistedIOLoop: given a reactor": Case(
        lambda s: untyped.TwistedIOLoop(s.native), RuntimeError, r"triloop.install\(\)"
    ),
    "reactor.run": Case(
        lambda s: s.own_guest.run(), ReactorAlreadyRunning, r"triloop.attached\(\)"
    ),
    "as_future: loop of another thread": Case(
        lambda s: untyped.as_future(Deferred(), loop=s.elsewhere.loop),
        RuntimeError,
        "callFromThread",
    ),
    "as_deferred: Future of another thread": Case(
        lambda s: untyped.as_deferred(s.elsewhere.loop.create_future()),
        RuntimeError,
        "run_coroutine_threadsafe",
    ),
    "install: loop of another thread": Case(
        lambda s: untyped.install(s.elsewhere.loop), RuntimeError, "callFromThread"
    ),
}


def check(case: Case, situation: Situation) -> None:
    with pytest.raises(case.error, match=case.says):
        case.call(situation)


@pytest.mark.parametrize("name", OUTSIDE)
def test_where_no_loop_runs(name: str, situation: Situation) -> None:
    check(OUTSIDE[name], situation)


@pytest.mark.parametrize("name", INSIDE)
def test_inside_a_running_loop(name: str, situation: Situation) -> None:
    async def main() -> None:
        check(INSIDE[name], situation)

    asyncio.run(main())


def test_table_has_all_public_names() -> None:
    walked = {name.split(":")[0] for name in (*OUTSIDE, *INSIDE)}
    # The resolvers have tests of their own; await_anything() takes no argument.
    elsewhere = {name for name in triloop.__all__ if name.lower().endswith(("resolver", "resolve"))}
    assert set(triloop.__all__) - elsewhere - {"Convertible", "await_anything"} <= walked


def test_reactor_of_another_thread_without_a_loop(situation: Situation) -> None:
    elsewhere = situation.elsewhere
    free = situation.native
    runs = threading.Event()
    free.callWhenRunning(runs.set)
    thread = threading.Thread(target=free.run, kwargs={"installSignalHandlers": False})
    thread.start()
    assert runs.wait(PATIENCE)
    with pytest.raises(RuntimeError, match="callFromThread"):
        triloop.new_event_loop(free)
    made: list[Any] = []
    # In its own thread it is made, even if another reactor was started last.
    later = Elsewhere()
    free.callFromThread(lambda: made.append(triloop.new_event_loop(free)))
    free.callFromThread(free.stop)
    thread.join(PATIENCE)
    (loop,) = made
    loop.close()
    later.close()
    assert elsewhere.loop.is_running()


def test_reactor_made_in_a_native_one_that_has_no_loop(
    situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be in a new loop, which nothing runs."""
    native = situation.native
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", native)
    refused: list[str] = []

    def make() -> None:
        with pytest.raises(RuntimeError, match=r"triloop.new_event_loop\(reactor\)"):
            triloop.TornadoReactor()
        refused.append("without a loop")
        loop = triloop.new_event_loop(native)
        with contextlib.closing(loop), triloop.TornadoReactor() as reactor:
            assert reactor.host_loop is loop

    native.callWhenRunning(make)
    native.callWhenRunning(native.callLater, 0, native.crash)
    native.run(installSignalHandlers=False)
    assert refused == ["without a loop"]
    monkeypatch.delitem(sys.modules, "twisted.internet.reactor")
