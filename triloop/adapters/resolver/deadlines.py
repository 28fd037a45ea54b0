"""Many deadlines on one timer of the loop."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Protocol

from triloop.adapters.resolver.loop import Loop
from triloop.protocol import Cancellable

__all__ = ["Deadlines", "Timed"]


class Timed(Protocol):
    """Something with at most one deadline at a time."""

    #: The queue that it is in; kept by `Deadlines`, None while it has no deadline.
    deadline: Queue | None

    def expire(self) -> None:
        """The deadline has passed."""


#: Items in the order of their deadlines, in seconds of ``time.monotonic``.
Queue = dict[Timed, float]


class Deadlines:
    """The deadlines of one engine; there is no timer while there is no deadline.

    There are few different delays. Those of equal delay expire in the order in which they were
    set, so each delay has a queue, and nothing has to be sorted.

    Args:
        loop: The loop that the timer is on.
        before: Called before anything expires, to read the sockets: an answer may have arrived in
            time and not been read, if the loop was busy or runs its timers first.
    """

    def __init__(self, loop: Loop, before: Callable[[], None]) -> None:
        self._loop = loop
        self._before = before
        self._queues: dict[float, Queue] = {}
        self._active = 0
        self._timer: Cancellable | None = None
        self._due = 0.0

    def set(self, item: Timed, seconds: float) -> None:
        """Have ``item`` expire in so many seconds; this replaces its earlier deadline."""
        if item.deadline is None:
            self._active += 1
        else:
            del item.deadline[item]
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = {}
        due = queue[item] = time.monotonic() + seconds
        item.deadline = queue
        if self._timer is None or due < self._due:
            self._arm(due)

    def clear(self, item: Timed) -> None:
        """Remove the deadline of ``item``, if it has one."""
        queue = item.deadline
        if queue is None:
            return
        item.deadline = None
        del queue[item]
        self._active -= 1
        if not self._active:
            self._disarm()

    def _arm(self, due: float) -> None:
        self._disarm()
        self._due = due
        self._timer = self._loop.call_later(max(0.0, due - time.monotonic()), self._expire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        # A timer may be called slightly early.
        now = max(time.monotonic(), self._due)
        self._before()
        for item, due in self._expired(now):
            # What expires may clear the deadline of another one, or set it anew.
            if item.deadline is not None and item.deadline[item] == due:
                del item.deadline[item]
                item.deadline = None
                self._active -= 1
                item.expire()
        due = min(
            (next(iter(queue.values())) for queue in self._queues.values() if queue), default=0
        )
        if due and (self._timer is None or due < self._due):
            self._arm(due)

    def _expired(self, now: float) -> list[tuple[Timed, float]]:
        found = [
            entry
            for queue in self._queues.values()
            for entry in itertools.takewhile(lambda entry: entry[1] <= now, queue.items())
        ]
        return sorted(found, key=lambda entry: entry[1])
