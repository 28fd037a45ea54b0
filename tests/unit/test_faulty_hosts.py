"""Hosts of an application's own that break their promises: each is told at once, and what to do."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import deferLater

import triloop
from tests.unit.own_loop import Loop

pytestmark = pytest.mark.usefixtures("nothing_left")

Callback = Callable[[], object]


def run(host: Loop, seconds: float = 0.02) -> list[str]:
    """Run a program in a host that waits in both guests."""
    said: list[str] = []

    async def main() -> None:
        await asyncio.sleep(seconds)
        await triloop.wait(deferLater(loop.reactor, seconds))
        said.append("done")

    with host, triloop.loop_on(host) as loop:
        task = loop.create_task(main())
        task.add_done_callback(lambda _: host.quit())
        host.run()
    return said


def test_timers_that_are_rounded_down_are_warned_of() -> None:
    class Down(Loop):
        def add_timer(self, delay: float, callback: Callback) -> Callback:
            return super().add_timer(math.floor(delay), callback)

    with pytest.warns(RuntimeWarning, match=r"Down.*timers come early.*math\.ceil"):
        assert run(Down()) == ["done"]


def test_timers_that_are_rounded_up_are_not() -> None:
    class Up(Loop):
        def add_timer(self, delay: float, callback: Callback) -> Callback:
            return super().add_timer(math.ceil(delay * 1000) / 1000, callback)

    assert run(Up()) == ["done"]


@pytest.mark.parametrize("method", ["add_reader", "add_timer"])
def test_method_that_returns_nothing_is_refused(method: str) -> None:
    host = Loop()
    original = getattr(host, method)
    setattr(host, method, lambda *args: (original(*args), None)[1])
    with pytest.raises(TypeError, match=rf"Loop.*{method} has to return a function.*returned None"):
        run(host)


def test_timer_that_is_called_at_once_is_refused() -> None:
    class AtOnce(Loop):
        def add_timer(self, delay: float, callback: Callback) -> Callback:
            callback()
            return int

    with pytest.raises(RuntimeError, match=r"AtOnce.*add_timer has called its callback itself"):
        run(AtOnce())


def test_timer_that_calls_again_and_again_is_refused() -> None:
    class Interval(Loop):
        def add_timer(self, delay: float, callback: Callback) -> Callback:
            def again() -> None:
                super(Interval, self).add_timer(delay, again)
                callback()

            return super().add_timer(delay, again)

    with pytest.raises(
        RuntimeError, match=r"Interval.*add_timer has to make a timer that calls once"
    ):
        run(Interval())


def test_calls_in_another_thread_are_refused_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Threaded(Loop):
        def add_timer(self, delay: float, callback: Callback) -> Callback:
            timer = threading.Timer(delay, callback)
            timer.start()
            threads.append(timer)
            return timer.cancel

    threads: list[threading.Timer] = []
    raised: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: raised.append(told.exc_value))
    host = Threaded()
    with host, triloop.reactor_on(host):
        threads[0].join()
    (problem,) = raised
    assert "Threaded" in str(problem)
    assert "another thread" in str(problem)


def test_host_that_never_calls_back_is_warned_of() -> None:
    class Silent(Loop):
        def run(self) -> None:
            """Do nothing."""

    with pytest.warns(RuntimeWarning, match="Silent.*called none of its callbacks"):
        assert run(Silent()) == []


def test_error_of_the_host_itself_leaves_its_run_and_the_guests_end() -> None:
    class Failing(Loop):
        def run(self) -> None:
            super().run_once()
            raise OSError("the poll failed")

    told: list[str] = []

    async def main() -> None:
        try:
            await asyncio.sleep(20)
        finally:
            await asyncio.sleep(0)
            told.append("ended")

    host = Failing()

    def whole() -> None:
        with host, triloop.loop_on(host) as loop:
            loop.create_task(main())
            host.run()

    with pytest.raises(OSError, match="the poll failed"):
        whole()
    assert told == ["ended"]


def test_timer_that_fails_in_the_run_ends_it() -> None:
    class Failing(Loop):
        def run_once(self) -> None:
            with contextlib.suppress(OverflowError):  # as loops do that print such an error
                super().run_once()

        def add_timer(self, delay: float, callback: Callback) -> Callback:
            if delay:
                raise OverflowError("too long")
            return super().add_timer(delay, callback)

    with pytest.raises(OverflowError, match="too long"):
        run(Failing())


def test_reader_that_fails_leaves_nothing() -> None:
    class Failing(Loop):
        def add_reader(self, fd: int, callback: Callback) -> Callback:
            raise PermissionError("not this one")

    host = Failing()
    for _ in range(2):  # and says the same again
        with pytest.raises(PermissionError, match="not this one"):
            run(host)


def test_host_that_is_stopped_goes_on_when_it_is_run_again() -> None:
    rounds = itertools.count(1)
    seen: list[int] = []

    async def main() -> None:
        for number in rounds:
            await triloop.wait(deferLater(loop.reactor, 0.001))
            seen.append(number)
            if number % 3 == 0:
                host.quit()

    host = Loop()
    with host, triloop.loop_on(host) as loop:
        loop.create_task(main())
        for _ in range(3):
            host.is_over = False
            host.run()
            time.sleep(0.005)  # due, and no loop looks
    assert seen[:9] == list(range(1, 10))


def test_call_of_a_thread_after_the_end_is_nothing() -> None:
    host = Loop()
    with host, triloop.reactor_on(host) as reactor:
        host.call_soon(host.quit)
        host.run()
    for late in (reactor.wakeUp, lambda: host.call_soon_threadsafe(int)):
        thread = threading.Thread(target=late)
        thread.start()
        thread.join()
