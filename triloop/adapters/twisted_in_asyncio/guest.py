"""A Twisted poll reactor as a guest."""

from __future__ import annotations

from typing import Any

__all__ = ["ReactorGuest"]


class ReactorGuest:
    """A poll reactor as a :class:`~triloop.protocol.Guest`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def fileno(self) -> int:
        """The descriptor of the reactor's own epoll or kqueue."""
        return int(self._reactor.descriptor())

    def deadline(self) -> float | None:
        """Seconds until the next timed call; 0 also if a call of another thread or a stop waits."""
        reactor = self._reactor
        if not reactor._started:
            return None
        if reactor._early or reactor.threadCallQueue or reactor._justStopped:
            return 0
        due: float | None = reactor.timeout()
        return due

    def suspend(self) -> None:
        """See :attr:`triloop.protocol.Guest.suspend`: Twisted's turns may be nested."""
        self._reactor.suspend_turn()

    def turn(self) -> None:
        """One pass of Twisted's main loop; I/O first, so that what it schedules runs at once."""
        reactor = self._reactor
        reactor.doIteration(0)
        reactor.runUntilCurrent()
        if reactor._early or reactor.interrupt is not None:
            reactor.flush()
        if reactor._iterating:
            reactor._asyncioEventloop.stop()
