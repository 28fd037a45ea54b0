"""Reactors with timed calls only, on a clock that a test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.base import ReactorBase

from triloop.adapters.twisted_in_asyncio.timers import TimedReactor

if TYPE_CHECKING:
    from tests.unit.fakes import FakeClock


class OnFakeClock(ReactorBase):
    """The base of both; it polls nothing."""

    def __init__(self, clock: FakeClock) -> None:
        self.wakes = 0
        super().__init__()
        self.seconds = clock

    def installWaker(self) -> None:
        """Do nothing: there is no poller to wake."""

    def wakeUp(self) -> None:
        self.wakes += 1


class TwistedTimers(OnFakeClock):
    """Twisted's own timed calls: the oracle."""


class HeapTimers(OnFakeClock, TimedReactor):
    """The timed calls under test."""

    def entries(self) -> int:
        """How many entries the heap holds, outdated ones included."""
        return len(self.timed_calls.heap)

    def outdated(self) -> int:
        """How many of them are outdated."""
        calls = self.timed_calls
        return sum(number not in calls.pending for _, number in calls.heap)


def nothing() -> None:
    """Do nothing."""
