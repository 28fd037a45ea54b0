"""The selector of a guest loop: it reports what is ready and leaves the waiting to the host."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or sys.platform == "linux":
    from selectors import EpollSelector as _Selector
else:  # pragma: no cover - the BSDs and macOS
    from selectors import KqueueSelector as _Selector

__all__ = ["RAW", "Poller"]

#: Whether :meth:`Poller.select` gives what epoll has found as it is, unless it blocks.
RAW = sys.platform == "linux"


class Poller(_Selector):
    """A selector that never blocks, unless there is no host."""

    _fd_to_key: dict[int, Any]
    _selector: Any

    def __init__(self) -> None:
        super().__init__()
        #: Whether to wait for I/O: once no host is left to do that.
        self.blocking = False
        #: What is watched, by descriptor.
        self.keys = self._fd_to_key

    def select(self, timeout: float | None = None) -> Any:
        """What is ready: numbers and events, see :data:`RAW`; or as any selector gives it.

        Args:
            timeout: Seconds to wait, None for ever; only a blocking poller waits.
        """
        if self.blocking:
            return super().select(timeout)
        if RAW:
            return self._selector.poll(0, len(self._fd_to_key) or 1)
        return super().select(0)  # pragma: no cover - the BSDs and macOS
