"""An asyncio loop that can run within its own callbacks, as GUI loops do; without a GUI."""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING

from triloop.private.cpython import SelectorLoop

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds after which a dialog is given up on.
PATIENCE = 10.0


class DialogLoop(SelectorLoop):
    """CPython's loop, with an iteration that may be nested."""

    def run_forever(self) -> None:
        """As CPython's. That it is overridden marks the loop as one that may be nested."""
        super().run_forever()

    def open_dialog(self, closed: Callable[[], bool]) -> None:
        """Run until ``closed``, in the middle of a callback."""
        end = self.time() + PATIENCE
        while not closed():
            assert self.time() < end, "the dialog was never closed"
            self._run_once()

    def _run_once(self) -> None:
        self._process_events(self._selector.select(self._patience()))
        while self._scheduled and self._scheduled[0]._when <= self.time():
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False
            self._ready.append(timer)
        for _ in range(len(self._ready)):
            if not self._ready:
                break  # a nested iteration may have run them
            handle: asyncio.Handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _patience(self) -> float:
        if self._ready or self._stopping:
            return 0
        if self._scheduled:
            return min(max(0.0, self._scheduled[0]._when - self.time()), 1.0)
        return 1.0
