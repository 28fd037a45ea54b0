"""Twisted on Tornado and asyncio: a reactor that is the guest of an asyncio loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tornado.ioloop import IOLoop
from twisted.internet.base import DelayedCall

from triloop.adapters.twisted_in_asyncio.early_writes import EarlyWriter
from triloop.adapters.twisted_in_asyncio.guest import ReactorGuest
from triloop.adapters.twisted_in_asyncio.host import AsyncioHost, asyncio_loop
from triloop.adapters.twisted_in_asyncio.life import HostedReactor
from triloop.adapters.twisted_in_asyncio.names import ConfiguredResolver
from triloop.embedding import TURN_BUDGET, Embedding, check_turn_budget
from triloop.private.cpython import running_loop
from triloop.private.reactors import has_started
from triloop.private.runners import watch_loops
from triloop.registry import Registry

__all__ = ["TornadoReactor"]

_reactors: Registry[TornadoReactor] = Registry()


class TornadoReactor(HostedReactor):
    """A Twisted reactor that runs inside an asyncio loop, and so inside Tornado's.

    It is Twisted's own poll reactor, nested: its epoll (or kqueue) descriptor is watched by
    the loop, which gives the reactor a turn whenever that is readable or a timed call is due.
    Startup events fire when the loop starts to run, whichever call starts it; ``reactor.run()``
    runs the loop. The reactor follows the running loop: used inside another one while its own does
    not run, it moves there.

    It is an instance of Twisted's ``AsyncioSelectorReactor``, for code that checks, and has the
    loop as ``_asyncioEventloop``, as that class does.

    As a context manager it is cleaned up at the end of the block; without one, call
    ``fireSystemEvent("shutdown")`` and ``disconnectAll()``.

    All methods belong to the loop's thread, save ``callFromThread`` and ``wakeUp``.

    Args:
        io_loop: A Tornado IOLoop, an asyncio loop, or None for the current one.
        restartable: Whether ``run()`` may be called again after ``stop()``.
        turn_budget: For how long the reactor may keep the loop from its own I/O while it has work
            ready, in seconds. A turn starts no further round after that; 0: each has one round.

    Raises:
        TypeError: ``io_loop`` is neither, or cannot watch descriptors; ``turn_budget`` is not a
            number.
        ValueError: ``turn_budget`` is negative, or not finite.
        RuntimeError: The loop is closed, or runs in another thread; or it is None, and a reactor of
            Twisted's own runs in this thread without a loop.
    """

    #: The public place. As with each reactor of Twisted's, ``install`` of the class's module makes
    #: it the global one: Twisted's tests and Scrapy rely on that.
    __module__ = "triloop"

    def __init__(
        self,
        io_loop: IOLoop | asyncio.AbstractEventLoop | None = None,
        *,
        restartable: bool = False,
        turn_budget: float = TURN_BUDGET,
    ) -> None:
        budget = check_turn_budget(turn_budget)
        #: The line that installed it, if this is the global reactor.
        self.installed_by: str | None = None
        guest = ReactorGuest(self)
        self._embed = lambda loop: Embedding(AsyncioHost(loop), guest, turn_budget=budget)
        super().__init__(asyncio_loop(io_loop), restartable=restartable)
        self.installNameResolver(ConfiguredResolver(self, self.nameResolver))
        _reactors.add(self)
        watch_loops(_expect)

    def __enter__(self) -> TornadoReactor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.fireSystemEvent("shutdown")
        finally:
            self.disconnectAll()

    # IReactorCore

    def addSystemEventTrigger(
        self, phase: str, eventType: str, callable: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """See :meth:`twisted.internet.interfaces.IReactorCore.addSystemEventTrigger`.

        The trigger is called in the context in which it was added.
        """
        self.follow()
        return super().addSystemEventTrigger(phase, eventType, callable, *args, **kwargs)

    def iterate(self, delay: float = 0.0) -> None:
        """Run timed calls, then wait for I/O of either world, ``delay`` seconds at the most."""
        self.follow()
        self.suspend_turn()
        self.runUntilCurrent()
        loop = self._asyncioEventloop
        if loop.is_running() or running_loop() is not None:
            self.flush()
            self.doIteration(delay)
        else:
            self._iterate_loop(delay)

    def _iterate_loop(self, delay: float) -> None:
        """Run the loop until the reactor has had a turn or ``delay`` seconds have passed."""
        loop = self._asyncioEventloop
        awaited = self._start_handle is not None
        self._unschedule()  # this is not a run
        due = self.timeout()
        end = loop.call_later(delay if due is None else min(delay, due), loop.stop)
        passing = self._embed(loop)
        self.after_turn = loop.stop
        self._embedding.detach()
        passing.attach()
        try:
            loop.run_forever()
        finally:
            passing.detach()
            end.cancel()
            self.after_turn = None
            if self._started:
                self._embedding.attach()
            elif awaited:
                self._schedule()

    def _close(self) -> None:
        self.children.clear()
        super()._close()

    # IReactorTime, IReactorThreads, IReactorFDSet

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> DelayedCall:
        """See :meth:`twisted.internet.interfaces.IReactorTime.callLater`; ``delay`` in seconds."""
        if self._embedding.turning and self.slow_calls is None:
            return self.timed_calls.add(delay, callable, args, kw)
        self.follow()
        return super().callLater(delay, callable, *args, **kw)

    def addReader(self, reader: Any) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorFDSet.addReader`."""
        if self.slow_calls is not None or not self._embedding.turning:
            self.follow()
        super().addReader(reader)

    def addWriter(self, writer: Any) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorFDSet.addWriter`."""
        if self.slow_calls is not None or not self._embedding.turning:
            self.follow()
        super().addWriter(writer)

    def write_early(self, stream: EarlyWriter) -> object:
        """Have ``stream`` write out once the present callback has returned."""
        if self.slow_calls is not None or not self._embedding.turning:
            self.follow()
            self._embedding.wake()
        return super().write_early(stream)


def _expect(loop: asyncio.AbstractEventLoop) -> None:
    """Have the global reactor start with ``loop``, if something waits for the reactor."""
    reactor = sys.modules.get("twisted.internet.reactor")
    if isinstance(reactor, TornadoReactor):
        reactor.expect(loop)


def reactor_in(loop: asyncio.AbstractEventLoop) -> TornadoReactor | None:
    """The reactor that runs in ``loop``, the global one or not; None if there is none."""
    for reactor in _reactors:
        if reactor.host_loop is loop and has_started(reactor):
            return reactor
    return None


def all_reactors() -> list[TornadoReactor]:
    """All there are in this process, closed ones too."""
    return list(_reactors)
