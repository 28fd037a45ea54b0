"""The base class for hosts of an application's own."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
import threading
import time
from collections.abc import Callable

import pytest
from twisted.internet.task import deferLater

import triloop

Callback = Callable[[], object]


class Loop(triloop.BaseHost):
    """A loop that polls, and has timers; it calls a reader also after its end, as GUI loops may."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
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
            wait = max(0.0, self.timers[0][0] - time.monotonic()) if self.timers else None
            for key, _ in self.selector.select(wait):
                key.data()
            now = time.monotonic()
            while self.timers and self.timers[0][0] <= now and not self.is_over:
                heapq.heappop(self.timers)[2]()


def test_three_methods_make_a_host_for_both_guests() -> None:
    async def main() -> list[str]:
        await triloop.wait(deferLater(loop.reactor, 0.01))
        return [await asyncio.to_thread(str, "a thread")]

    with Loop() as host, triloop.loop_on(host) as loop:
        task = loop.create_task(main())
        task.add_done_callback(lambda _: host.quit())
        host.run()
    assert task.result() == ["a thread"]
    assert list(host.selector.get_map()) == []


def test_cancelled_request_is_not_called_nor_taken_back_twice() -> None:
    called: list[str] = []
    with Loop() as host:
        late = host.call_later(0, lambda: called.append("cancelled"))
        late.cancel()
        late.cancel()
        done = host.call_soon(lambda: called.append("called"))
        host.call_later(0.01, host.quit)
        host.run()
        done.cancel()
    assert (called, host.cancelled) == (["called"], {0})


def test_calls_of_threads_arrive_in_order_however_many() -> None:
    heard: list[int] = []
    calls = 5000  # more bytes than a socket pair takes

    def work() -> None:
        for number in range(calls):
            host.call_soon_threadsafe(lambda number=number: heard.append(number))  # type: ignore[misc]
        host.call_soon_threadsafe(host.quit)

    with Loop() as host:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        host.run()
    assert heard == list(range(calls))


@pytest.mark.parametrize("reason", [KeyboardInterrupt, SystemExit])
def test_interrupt_leaves_by_the_end_of_the_block(reason: type[BaseException]) -> None:
    def leave() -> None:
        raise reason(7)

    host = Loop()

    def run() -> None:
        with host, triloop.reactor_on(host) as reactor:
            reactor.addSystemEventTrigger("after", "shutdown", told.append, "shutdown")
            reactor.callLater(0.01, leave)
            host.run()

    told: list[str] = []
    with pytest.raises(reason) as left:
        run()
    assert (left.value.args, told) == ((7,), ["shutdown"])


def test_host_outside_of_its_block_is_refused() -> None:
    host = Loop()
    with pytest.raises(RuntimeError, match="run your loop in a block, `with host:`"):
        triloop.reactor_on(host).__enter__()
    with host, pytest.raises(RuntimeError, match="in use already"):
        host.__enter__()
