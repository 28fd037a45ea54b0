"""The smallest loop that an application could bring as a host."""

from __future__ import annotations

import heapq
import itertools
import selectors
import time
from collections.abc import Callable

import triloop

Callback = Callable[[], object]


class Loop(triloop.BaseHost):
    """A loop that polls, and has timers; it calls a reader also after its end, as GUI loops may."""

    def __init__(self) -> None:
        self.selector = selectors.PollSelector()  # it holds no descriptor
        self.timers: list[tuple[float, int, Callback]] = []
        self.cancelled: set[int] = set()
        self.is_over = False
        self._numbers = itertools.count()

    def add_reader(self, fd: int, callback: Callback) -> Callback:
        self.selector.register(fd, selectors.EVENT_READ, callback)
        return lambda: self.selector.unregister(fd)

    def add_timer(self, delay: float, callback: Callback) -> Callback:
        number = next(self._numbers)
        heapq.heappush(self.timers, (time.monotonic() + delay, number, callback))
        return lambda: self.cancelled.add(number)

    def quit(self) -> None:
        self.is_over = True

    def run(self) -> None:
        while not self.is_over:
            self.run_once()

    def run_once(self) -> None:
        wait = max(0.0, self.timers[0][0] - time.monotonic()) if self.timers else None
        for key, _ in self.selector.select(wait):
            key.data()
        now = time.monotonic()
        while self.timers and self.timers[0][0] <= now and not self.is_over:
            heapq.heappop(self.timers)[2]()
