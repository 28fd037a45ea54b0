"""Many deadlines on one timer of the loop."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol

from triloop.adapters.resolver.loop import Loop
from triloop.protocol import Cancellable

__all__ = ["Deadlines", "Timed"]

# Of so many entries one is left: the others are dropped together.
_SPARSE = 8


class Timed(Protocol):
    """Something with at most one deadline at a time."""

    #: In seconds of ``time.monotonic``; kept by `Deadlines`.
    deadline: float | None

    def expire(self) -> None:
        """The deadline has passed."""


class Deadlines:
    """The deadlines of one engine; there is no timer while there is no deadline.

    Args:
        loop: The loop that the timer is on.
        before: Called before anything expires, to read the sockets: an answer may have arrived in
            time and not been read, if the loop was busy or runs its timers first.
    """

    def __init__(self, loop: Loop, before: Callable[[], None]) -> None:
        self._loop = loop
        self._before = before
        self._heap: list[tuple[float, int, Timed]] = []
        self._numbers = itertools.count()
        self._active = 0
        self._timer: Cancellable | None = None
        self._due = 0.0

    def set(self, item: Timed, seconds: float) -> None:
        """Have ``item`` expire in so many seconds; this replaces its earlier deadline."""
        if item.deadline is None:
            self._active += 1
        deadline = item.deadline = time.monotonic() + seconds
        heapq.heappush(self._heap, (deadline, next(self._numbers), item))
        if self._timer is None or deadline < self._due:
            self._arm(deadline)

    def clear(self, item: Timed) -> None:
        """Remove the deadline of ``item``, if it has one."""
        if item.deadline is None:
            return
        item.deadline = None
        self._active -= 1
        if not self._active:
            self._heap.clear()
            self._disarm()
        elif len(self._heap) > _SPARSE * self._active + _SPARSE:
            self._heap = [entry for entry in self._heap if entry[2].deadline == entry[0]]
            heapq.heapify(self._heap)

    def _drop_cleared(self) -> None:
        heap = self._heap
        while heap and heap[0][2].deadline != heap[0][0]:
            heapq.heappop(heap)

    def _arm(self, deadline: float) -> None:
        self._disarm()
        self._due = deadline
        delay = max(0.0, deadline - time.monotonic())
        self._timer = self._loop.call_later(delay, self._expire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        # A timer may be called slightly early.
        now = max(time.monotonic(), self._due)
        self._before()
        while self._heap and self._heap[0][0] <= now:
            deadline, _, item = heapq.heappop(self._heap)
            if item.deadline == deadline:
                item.deadline = None
                self._active -= 1
                item.expire()
        self._drop_cleared()
        if self._heap and self._timer is None:
            self._arm(self._heap[0][0])
