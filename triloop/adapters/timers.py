"""Twisted's timed calls, kept in a heap that is never searched."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from itertools import count
from typing import Any

from twisted.internet.base import DelayedCall, ReactorBase
from twisted.logger import Logger

__all__ = ["TimedCall", "TimedCalls"]

_log = Logger()

#: A poll takes its timeout as milliseconds in a C int; Twisted's reactors stop there too.
_LONGEST = 2**31 / 1000
#: Outdated heap entries that are always tolerated before the heap is built anew.
_TOLERATED = 50

_Entry = tuple[float, int, "TimedCall"]


class TimedCall(DelayedCall):
    """A DelayedCall that runs in the contextvars context in which it was made."""

    context: Context
    #: Its number in the order of making.
    number: int
    #: The number of its entry in the heap; any other entry of this call is outdated.
    entry: int


class TimedCalls(ReactorBase):
    """IReactorTime for a reactor: one heap of ``(time, number, call)``.

    Every pending call has one entry that counts, whose time is the call's own. Moving a call to
    sooner pushes a new entry and leaves the old one behind, outdated; so does cancelling.
    Outdated entries are dropped when they come up, or all together once they are the majority.
    """

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        self._outdated = 0
        self._numbers = count()
        # Made once: a method that is bound anew for each call is one more object to collect.
        self._hooks = self._cancelCallLater, self._moveCallLaterSooner
        super().__init__()

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> DelayedCall:
        """See :meth:`twisted.internet.interfaces.IReactorTime.callLater`; ``delay`` in seconds."""
        assert delay >= 0, f"{delay} is not greater than or equal to 0 seconds"
        seconds = self.seconds
        call = TimedCall(
            seconds() + delay,
            callable,
            args,
            kw,
            *self._hooks,
            seconds,
        )
        call.context = copy_context()
        call.number = call.entry = next(self._numbers)
        heapq.heappush(self._heap, (call.time, call.entry, call))
        return call

    def getDelayedCalls(self) -> Sequence[DelayedCall]:
        """See :meth:`twisted.internet.interfaces.IReactorTime.getDelayedCalls`."""
        return [call for _, entry, call in self._heap if call.entry == entry]

    def forget_timed_calls(self) -> None:
        """Drop all pending calls: they will not happen."""
        self._heap.clear()
        self._outdated = 0

    def timeout(self) -> float | None:
        """Seconds until the next timed call is due; None when there is none."""
        heap = self._heap
        while heap:
            time, entry, call = heap[0]
            if call.entry != entry:
                heapq.heappop(heap)
                self._outdated -= 1
            elif call.delayed_time > 0:
                self._postpone()
            else:
                return max(0.0, min(_LONGEST, time - self.seconds()))
        return None

    def _postpone(self) -> None:
        """Move the first call, which was delayed, to where it belongs."""
        call = self._heap[0][2]
        call.activate_delay()
        call.entry = next(self._numbers)
        heapq.heapreplace(self._heap, (call.time, call.entry, call))

    def _moveCallLaterSooner(self, call: DelayedCall) -> None:
        assert isinstance(call, TimedCall)
        call.entry = next(self._numbers)
        heapq.heappush(self._heap, (call.time, call.entry, call))
        self._note_outdated()

    def _cancelCallLater(self, call: DelayedCall) -> None:
        assert isinstance(call, TimedCall)
        call.entry = -1
        del call.context
        self._note_outdated()

    def _note_outdated(self) -> None:
        self._outdated += 1
        if self._outdated > _TOLERATED and self._outdated > len(self._heap) >> 1:
            self._heap = [held for held in self._heap if held[2].entry == held[1]]
            heapq.heapify(self._heap)
            self._outdated = 0

    def runUntilCurrent(self) -> None:
        """Run the calls of other threads and the timed calls that are due; then a stop."""
        if self.threadCallQueue:
            self._run_thread_calls()
        if self._heap:
            self._run_due()
        if self._justStopped:
            self._justStopped = False
            self.fireSystemEvent("shutdown")

    def _run_thread_calls(self) -> None:
        """Run what is queued now; what these calls queue in turn waits for the next pass."""
        queue = self.threadCallQueue
        done = 0
        try:
            for function, args, kw in queue[:]:
                done += 1
                try:
                    function(*args, **kw)
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException:  # noqa: BLE001 - whatever it is, the other calls are due
                    _log.failure("while calling from thread")
        finally:
            del queue[:done]
        if queue:
            self.wakeUp()

    def _run_due(self) -> None:
        """Run what is due; a call that is made meanwhile waits for the next pass.

        So does what is behind it in the heap, which cannot be long due: a new call is not due
        before now, unless it was reset into the past.
        """
        now = self.seconds()
        first_new = next(self._numbers)
        while self._heap and self._heap[0][0] <= now:
            _, entry, call = self._heap[0]
            if call.entry != entry:
                heapq.heappop(self._heap)
                self._outdated -= 1
            elif call.delayed_time > 0:
                self._postpone()
            elif call.number > first_new:
                break
            else:
                heapq.heappop(self._heap)
                self._run(call)

    def _run(self, call: TimedCall) -> None:
        call.called = 1
        try:
            call.context.run(call.func, *call.args, **call.kw)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - whatever it is, the other calls are due
            origin = "".join(call.creator) if call.creator else ""
            _log.failure("while handling timed call {origin}", origin=origin)
