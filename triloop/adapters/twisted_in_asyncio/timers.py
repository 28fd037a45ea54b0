"""Twisted's timed calls, in a heap that is never searched."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count
from typing import Any

from twisted.internet.base import DelayedCall, ReactorBase
from twisted.internet.error import AlreadyCancelled
from twisted.logger import Logger

from triloop.adapters.twisted_in_asyncio.slow_calls import SlowCalls
from triloop.private.twisted import keep_repr

__all__ = ["TimedCall", "TimedCalls", "TimedReactor", "drop_call"]

_log = Logger()

#: A poll takes its timeout as milliseconds in a C int; Twisted's reactors stop there too.
_LONGEST = 2**31 / 1000
#: How many outdated entries the heap may always have before it is rebuilt.
_TOLERATED = 50


class TimedCall(DelayedCall):
    """A DelayedCall that runs in the contextvars context in which it was made."""

    context: Context
    #: Its number, counted as calls are made.
    number: int
    #: The number of its entry in the heap.
    entry: int


class DroppedCall(DelayedCall):
    """A DelayedCall that its reactor has dropped: it is cancelled, and behaves as such.

    Twisted's own users of a call (LoopingCall, deferLater, TimeoutMixin, ReconnectingClientFactory)
    cancel it without a check, as Twisted's reactors keep their calls for ever. Their first
    ``cancel()`` does not raise, so that they can be stopped.
    """

    _is_released = False

    def cancel(self) -> None:
        """Do nothing, once, for Twisted's own code.

        Raises:
            AlreadyCancelled: For all others.
        """
        holder = sys._getframe(1).f_globals.get("__name__", "")
        if self._is_released or not holder.startswith("twisted."):
            raise AlreadyCancelled
        self._is_released = True


def drop_call(call: DelayedCall) -> None:
    """Cancel a call that its reactor has removed."""
    call.cancelled = 1
    if call.debug:
        keep_repr(call)
    for name in ("func", "args", "kw", "context"):
        vars(call).pop(name, None)
    call.__class__ = DroppedCall


class TimedCalls:
    """The timed calls of a reactor: a heap of ``(time, number)``, and the calls by that number.

    Every pending call has one number that counts, and one entry with it, whose time is the
    call's own. Moving a call to sooner gives it another number and leaves the old entry behind,
    outdated; so does cancelling. Outdated entries are dropped when they come up, or all together
    once they are the majority.

    The entries hold nothing that the garbage collector has to look at, and a call that is
    cancelled is gone at once: with a hundred thousand of them pending, that is half of the cost.

    Args:
        reactor: The reactor, for its clock.
        earlier: Called when a call was moved to sooner.
    """

    def __init__(self, reactor: ReactorBase, earlier: Callable[[], object]) -> None:
        self._reactor = reactor
        self._earlier = earlier
        self.heap: list[tuple[float, int]] = []
        #: The calls that have not happened, by the numbers of their entries.
        self.pending: dict[int, TimedCall] = {}
        self._numbers = count()
        # Bound once: a method bound for each call is one more object to collect.
        self._cancel, self._move = self._cancelled, self._moved

    def add(
        self,
        delay: float,
        function: Callable[..., Any],
        args: Sequence[object],
        kw: dict[str, object],
    ) -> TimedCall:
        """Have a function called ``delay`` seconds from now, in a copy of the present context."""
        assert delay >= 0, f"{delay} is not greater than or equal to 0 seconds"
        clock = self._reactor.seconds
        time = clock() + delay
        number = next(self._numbers)
        call = TimedCall(time, function, args, kw, self._cancel, self._move, clock)
        call.context = copy_context()
        call.number = call.entry = number
        self.pending[number] = call
        heappush(self.heap, (time, number))
        return call

    def drop(self) -> None:
        """Drop all pending calls: they will not happen, and are cancelled."""
        dropped = list(self.pending.values())
        self.heap.clear()
        self.pending.clear()
        for call in dropped:
            drop_call(call)

    def timeout(self) -> float | None:
        """Seconds until the next timed call is due; None when there is none."""
        heap = self.heap
        while heap:
            time, number = heap[0]
            call = self.pending.get(number)
            if call is None:
                heappop(heap)
            elif call.delayed_time > 0:
                self._postpone(call)
            else:
                return max(0.0, min(_LONGEST, time - self._reactor.seconds()))
        return None

    def _postpone(self, call: TimedCall) -> None:
        """Move the first call, which was delayed, to where it belongs."""
        call.activate_delay()
        heapreplace(self.heap, self._renumber(call))

    def _renumber(self, call: TimedCall) -> tuple[float, int]:
        """The new entry of a call that moves."""
        del self.pending[call.entry]
        call.entry = next(self._numbers)
        self.pending[call.entry] = call
        return call.time, call.entry

    def _moved(self, call: Any) -> None:
        heappush(self.heap, self._renumber(call))
        if len(self.heap) > 2 * len(self.pending) + _TOLERATED:
            self._drop_outdated()
        self._earlier()

    def _cancelled(self, call: Any) -> None:
        del self.pending[call.entry], call.context
        if len(self.heap) > 2 * len(self.pending) + _TOLERATED:
            self._drop_outdated()

    def _drop_outdated(self) -> None:
        """Rebuild the heap without its outdated entries."""
        pending = self.pending
        self.heap[:] = [entry for entry in self.heap if entry[1] in pending]
        heapify(self.heap)

    def run_due(self, slow: SlowCalls | None = None) -> None:
        """Run the calls that are due; a call that is made meanwhile waits for the next pass.

        So do the calls behind it in the heap. They cannot be long overdue: a new call is not due
        before now, unless it was reset into the past.

        Args:
            slow: What times them, in debug mode.
        """
        now, heap = self._reactor.seconds(), self.heap
        first_new = next(self._numbers)
        while heap and heap[0][0] <= now:
            call = self.pending.get(heap[0][1])
            if call is None:
                heappop(heap)
            elif call.delayed_time > 0:
                self._postpone(call)
            elif call.number > first_new:
                break
            else:
                heappop(heap)
                del self.pending[call.entry]
                if slow is None:
                    _run(call)
                else:
                    slow.time(call, _run, call)


def _run(call: TimedCall) -> None:
    call.called = 1
    try:
        call.context.run(call.func, *call.args, **call.kw)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - whatever it is, the other calls are due
        origin = "".join(call.creator) if call.creator else ""
        _log.failure("while handling timed call {origin}", origin=origin)


class TimedReactor(ReactorBase):
    """IReactorTime, and the pass of Twisted's main loop without its I/O."""

    #: A deque, where Twisted's is a list: the calls are taken from it one by one.
    threadCallQueue: Any
    #: In debug mode, what times the callbacks.
    slow_calls: SlowCalls | None = None

    def __init__(self) -> None:
        self.timed_calls = TimedCalls(self, self.called_earlier)
        super().__init__()
        self.threadCallQueue = deque()

    def called_earlier(self) -> None:
        """A timed call was moved to sooner; there is nothing to do where the reactor polls."""

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> DelayedCall:
        """See :meth:`twisted.internet.interfaces.IReactorTime.callLater`; ``delay`` in seconds."""
        return self.timed_calls.add(delay, callable, args, kw)

    def getDelayedCalls(self) -> Sequence[DelayedCall]:
        """See :meth:`twisted.internet.interfaces.IReactorTime.getDelayedCalls`."""
        return list(self.timed_calls.pending.values())

    def timeout(self) -> float | None:
        """Seconds until the next timed call is due; None when there is none."""
        return self.timed_calls.timeout()

    def runUntilCurrent(self) -> None:
        """Run the calls of other threads and the timed calls that are due; then a stop."""
        if self.threadCallQueue:
            self._run_thread_calls()
        if self.timed_calls.heap:
            self._run_due()
        if self._justStopped:
            self._justStopped = False
            self.fireSystemEvent("shutdown")

    def _run_due(self) -> None:
        self.timed_calls.run_due(self.slow_calls)

    def _run_thread_calls(self) -> None:
        """Run what is queued now; what these calls queue in turn waits for the next pass.

        A pass within one of these calls runs the rest of them.
        """
        queue, slow = self.threadCallQueue, self.slow_calls
        for _ in range(len(queue)):
            if not queue:
                break
            function, args, kw = queue.popleft()
            try:
                if slow is None:
                    function(*args, **kw)
                else:
                    slow.time(function, function, *args, **kw)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # noqa: BLE001 - whatever it is, the other calls are due
                _log.failure("while calling from thread")
        if queue:
            self.wakeUp()
