"""The selector of a guest loop: it reports what is ready and leaves the waiting to the host."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or sys.platform == "linux":
    from select import EPOLLIN, EPOLLOUT
    from selectors import EpollSelector as _Selector

    _NOT_IN, _NOT_OUT = ~EPOLLIN, ~EPOLLOUT
else:  # pragma: no cover - the BSDs and macOS
    from selectors import KqueueSelector as _Selector

__all__ = ["Poller"]

_RAW = sys.platform == "linux"


class Poller(_Selector):
    """A selector that never blocks, unless it is told that there is no host."""

    _fd_to_key: dict[int, Any]
    _selector: Any

    def __init__(self) -> None:
        super().__init__()
        #: Whether to wait for I/O: once no host is left to do that.
        self.blocking = False

    def select(self, timeout: float | None = None) -> Any:
        """What is ready; see :meth:`dispatch` for its form.

        Args:
            timeout: Seconds to wait, None for ever; only a blocking poller waits.
        """
        if self.blocking:
            return super().select(timeout)
        if _RAW:
            return self._selector.poll(0, len(self._fd_to_key) or 1)
        return super().select(0)  # pragma: no cover - the BSDs and macOS

    def dispatch(self, found: Any, loop: Any) -> bool:
        """Queue the callbacks of what a non-blocking epoll has found, without ``SelectorKey``s.

        Returns:
            False where ``found`` is in the form of the ``selectors`` module instead.
        """
        if self.blocking or not _RAW:
            return False
        keys, ready = self._fd_to_key, loop._ready
        for fd, event in found:
            key = keys.get(fd)
            if key is None:
                continue
            reader, writer = key.data
            if reader is not None and event & _NOT_OUT:
                if reader._cancelled:
                    loop._remove_reader(fd)
                else:
                    ready.append(reader)
            if writer is not None and event & _NOT_IN:
                if writer._cancelled:
                    loop._remove_writer(fd)
                else:
                    ready.append(writer)
        return True
