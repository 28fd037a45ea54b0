"""The selector of a guest loop: it reports what is ready and leaves the waiting to the host."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or sys.platform == "linux":
    from select import EPOLLIN
    from selectors import EpollSelector as _Selector
else:  # pragma: no cover - the BSDs and macOS
    from selectors import KqueueSelector as _Selector

__all__ = ["RAW", "Poller"]

#: Whether :meth:`Poller.select` gives what epoll has found as it is.
RAW = sys.platform == "linux"


class Poller(_Selector):
    """A selector that never blocks, unless there is no host."""

    _fd_to_key: dict[int, Any]
    _selector: Any

    def __init__(self) -> None:
        super().__init__()
        #: Whether to wait for I/O: once no host is left to do that.
        self.blocking = False
        #: What is ready, if it was found by a poll from elsewhere; for the next ``select``.
        self.found: list[tuple[int, int]] | None = None
        #: The poll of the selector's own epoll.
        self.poll: Any = self._selector.poll if RAW else None
        #: What is watched, by descriptor.
        self.keys = self._fd_to_key

    def select(self, timeout: float | None = None) -> Any:
        """What is ready: numbers and events, see :data:`RAW`; or as any selector gives it.

        Args:
            timeout: Seconds to wait, None for ever; only a blocking poller waits.
        """
        found = self.found
        if found is not None:
            self.found = None
            return found
        if not self.blocking:
            timeout = 0
        if RAW:
            poll = self.poll
            return poll(timeout, len(self.keys) or 1)
        return super().select(timeout)  # pragma: no cover - the BSDs and macOS

    def watch_inner(self, fd: int) -> tuple[int, int]:
        """Watch another epoll, which no loop has a callback for.

        Returns:
            What ``poll`` finds whenever something is ready in it.
        """
        self._selector.register(fd, EPOLLIN)
        return fd, EPOLLIN

    def unwatch_inner(self, inner: tuple[int, int]) -> None:
        """Undo :meth:`watch_inner`. What a poll has found is forgotten, and found again."""
        self.found = None
        with contextlib.suppress(OSError):  # in a child of ``os.fork`` the epoll is a new one
            self._selector.unregister(inner[0])
