"""A Twisted poll reactor as a guest."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.posixbase import PosixReactorBase

from triloop.adapters.twisted_in_asyncio.datagrams import DatagramReactor
from triloop.adapters.twisted_in_asyncio.streams import StreamReactor
from triloop.adapters.twisted_in_asyncio.timers import TimedReactor

__all__ = ["AsyncioReactor", "GuestReactor", "ReactorGuest"]


class AsyncioReactor(AsyncioSelectorReactor):
    """An AsyncioSelectorReactor for ``isinstance``; it works like any PosixReactorBase."""

    callFromThread = PosixReactorBase.callFromThread  # type: ignore[assignment]  # one is untyped
    crash = PosixReactorBase.crash
    stop = PosixReactorBase.stop


class GuestReactor(TimedReactor, StreamReactor, DatagramReactor):
    """A poll reactor that can be given its turns by a host."""

    #: Called after a turn, to end the run of a loop that is run for one turn.
    after_turn: Callable[[], object] | None = None

    def deadline(self) -> float | None:
        """Seconds until the next timed call; 0 also if a call of another thread or a stop waits."""
        if not self._started:
            return None
        if self.early_writers or self.threadCallQueue or self._justStopped:
            return 0
        return self.timed_calls.timeout()

    def suspend_turn(self) -> None:
        """Prepare for an iteration or a turn in the middle of a turn.

        Early writes, answers and calls of threads that the turn has not run yet are queued again.
        """
        self.requeue_thread_calls()
        self.keep_nothing_back()

    def turn(self) -> None:
        """One pass of Twisted's main loop; I/O first, so that what it schedules runs at once."""
        self.doIteration(0)
        self.runUntilCurrent()
        if self.early_writers or self.interrupt is not None:
            self.flush()
        if self.after_turn is not None:
            self.after_turn()


class ReactorGuest:
    """Such a reactor as a :class:`~triloop.protocol.Guest`: the methods that the host calls."""

    def __init__(self, reactor: GuestReactor) -> None:
        self.fileno = reactor.descriptor
        self.deadline = reactor.deadline
        #: Twisted's turns may be nested.
        self.suspend = reactor.suspend_turn
        self.turn = reactor.turn
