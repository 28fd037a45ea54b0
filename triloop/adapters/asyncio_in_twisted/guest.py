"""CPython's selector loop as a guest."""

from __future__ import annotations

import heapq
from typing import Any

__all__ = ["LoopGuest"]


class LoopGuest:
    """A ReactorEventLoop as a :class:`~triloop.protocol.Guest`.

    Of CPython's private attributes it uses ``_ready``, ``_scheduled``, ``_stopping``,
    ``_thread_id`` and ``_run_once``. CPython's own tests, run on this loop, fail when one changes.
    """

    #: CPython's ``_run_once`` cannot be entered twice.
    suspend = None

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        #: Whether the loop is the running one in its turns only.
        self.visits = False

    def release(self) -> None:
        """Drop the reference to the loop, which is closed, so that no reference cycle remains."""
        del self._loop

    def fileno(self) -> int:
        """The descriptor of the loop's own epoll or kqueue."""
        return int(self._loop._selector.fileno())

    def deadline(self) -> float | None:
        """Seconds until the next timer; 0 when callbacks are ready."""
        loop = self._loop
        if loop._ready or loop._stopping:
            return 0
        scheduled = loop._scheduled
        while scheduled:
            first = scheduled[0]
            if not first._cancelled:
                return float(max(0.0, first._when - loop.time()))
            heapq.heappop(scheduled)
            first._scheduled = False
            loop._timer_cancelled_count -= 1
        return None

    def turn(self) -> None:
        """One iteration of CPython's own."""
        loop = self._loop
        if self.visits:
            outer = loop._enter()
            try:
                loop._run_once()
            finally:
                loop._leave(outer)
        else:
            loop._run_once()
        if loop._stopping:
            loop._stop_now()
