"""CPython's selector loop with the methods of a guest.

They are methods, not functions, for speed: each is called in every turn.
"""

from __future__ import annotations

import asyncio
import heapq
import sys
from typing import TYPE_CHECKING, Any, Protocol

from triloop.private.cpython import SelectorLoop, TimerHandle

if TYPE_CHECKING:
    from contextvars import Context

    from typing_extensions import Unpack

    from triloop.private.cpython import Arguments, Callback

if TYPE_CHECKING or sys.platform == "linux":
    from select import EPOLLIN, EPOLLOUT

    _NOT_IN, _NOT_OUT = ~EPOLLIN, ~EPOLLOUT

__all__ = ["GuestLoop", "hide_frame"]


class _Turns(Protocol):
    """What gives the loop its turns."""

    turning: bool


class GuestLoop(SelectorLoop):
    """CPython's event loop for Unix, run one turn at a time.

    On Linux its selector gives what epoll has found as it is, and has the keys by descriptor as
    ``keys``.
    """

    _embedding: _Turns

    def poller_fileno(self) -> int:
        """The descriptor of the loop's own epoll or kqueue."""
        return int(self._selector.fileno())

    def deadline(self) -> float | None:
        """Seconds until the next timer; 0 when callbacks are ready."""
        if self._ready or self._stopping:
            return 0
        scheduled = self._scheduled
        while scheduled:
            first = scheduled[0]
            if not first._cancelled:
                return float(max(0.0, first._when - self.time()))
            heapq.heappop(scheduled)
            first._scheduled = False
            self._timer_cancelled_count -= 1
        return None

    def turn(self) -> float | None:
        """Do one iteration of CPython's own; return the deadline after it."""
        self._run_once()
        return 0 if self._ready else self.deadline()

    def scheduled_outside(self) -> None:
        """Something was scheduled outside of a turn; a subclass wakes its host."""

    def call_at(
        self,
        when: float,
        callback: Callback[Unpack[Arguments]],
        *args: Unpack[Arguments],
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """See :meth:`asyncio.loop.call_at`."""
        handle: Any
        if self._debug or self._closed or when is None:
            handle = super().call_at(when, callback, *args, context=context)
            hide_frame(handle)
        else:
            handle = TimerHandle(when, callback, args, self, context)
            heapq.heappush(self._scheduled, handle)
            handle._scheduled = True
        if not self._embedding.turning:
            self.scheduled_outside()
        return handle  # type: ignore[no-any-return]

    if TYPE_CHECKING or sys.platform == "linux":

        def _process_events(self, event_list: list[tuple[int, int]]) -> None:
            """Queue the callbacks for the result of an epoll, without making ``SelectorKey``s."""
            if not event_list:
                return
            ready, keys = self._ready, self._selector.keys
            for fd, event in event_list:
                key = keys.get(fd)
                if key is None:
                    continue
                reader, writer = key.data
                if reader is not None and event & _NOT_OUT:
                    if reader._cancelled:
                        self._remove_reader(fd)
                    else:
                        ready.append(reader)
                if writer is not None and event & _NOT_IN:
                    if writer._cancelled:
                        self._remove_writer(fd)
                    else:
                        ready.append(writer)


def hide_frame(handle: asyncio.Handle) -> None:
    """In debug mode, have the traceback of a handle end at the application's line."""
    source = handle._source_traceback  # type: ignore[attr-defined]
    if source:
        del source[-1]
