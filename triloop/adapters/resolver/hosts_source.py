"""The hosts file, read without blocking the loop even if it is long."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator

from triloop.adapters.resolver.files import WatchedFile
from triloop.adapters.resolver.hosts_file import HostsTable
from triloop.adapters.resolver.loop import Loop

__all__ = ["HostsSource"]

# A longer file is read in steps.
_SHORT = 1 << 15
# Seconds that the steps may take before the loop has a turn.
_STINT = 0.005


class HostsSource:
    """The present content of a hosts(5) file.

    Args:
        loop: The loop in whose turns the file is read.
        path: The file.
    """

    def __init__(self, loop: Loop, path: str) -> None:
        self._loop = loop
        self._file: WatchedFile[object] = WatchedFile(path, bytes)
        self._table = HostsTable(b"")
        self._steps: Iterator[None] | None = None
        self._waiting: deque[Callable[[], None]] = deque()

    def table(self) -> HostsTable | None:
        """The content of the file; None while it is being read, see `when_read`."""
        if self._file.has_changed:
            content = self._file.content()
            self._table = HostsTable(content)
            scheduled, self._steps = self._steps is not None, self._table.read()
            if len(content) <= _SHORT:
                for _ in self._steps:
                    pass
                self._finish()
            elif not scheduled:
                self._loop.call_soon(self._go_on)
        return None if self._steps is not None else self._table

    def when_read(self, callback: Callable[[], None]) -> None:
        """Call back once the file has been read."""
        self._waiting.append(callback)

    def cancel(self, callback: Callable[[], None]) -> None:
        """Undo `when_read`."""
        if callback in self._waiting:
            self._waiting.remove(callback)

    def _go_on(self) -> None:
        if self._steps is None:
            return
        end = time.monotonic() + _STINT
        for _ in self._steps:
            if time.monotonic() > end:
                self._loop.call_soon(self._go_on)
                return
        self._finish()

    def _finish(self) -> None:
        self._steps = None
        self._tell()

    def _tell(self) -> None:
        """Call back those that wait, unless the file is being read again by now."""
        end = time.monotonic() + _STINT
        while self._waiting and self._steps is None:
            self._waiting.popleft()()
            if time.monotonic() > end:
                self._loop.call_soon(self._tell)
                return
