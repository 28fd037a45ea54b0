"""A thread that calls into any of the three worlds wakes it at once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from twisted.internet.threads import blockingCallFromThread, deferToThreadPool

from tests.contract.worlds import PATIENCE, Stage, World

#: Seconds within which an idle loop must be awake. A lost wake-up would last for PATIENCE.
AT_ONCE = 0.5
ATTEMPTS = 2
#: Seconds that a thread waits for the loops to fall asleep.
SLEEP = 0.02

Call = Callable[[], object]
Wake = Callable[[World, Call], object]


def call_soon_threadsafe(world: World, call: Call) -> None:
    world.loop.call_soon_threadsafe(call)


def add_callback(world: World, call: Call) -> None:
    world.io_loop.add_callback(call)


def call_from_thread(world: World, call: Call) -> None:
    world.reactor.callFromThread(call)


def run_coroutine_threadsafe(world: World, call: Call) -> None:
    async def run() -> None:
        call()

    asyncio.run_coroutine_threadsafe(run(), world.loop).result()


def blocking_call_from_thread(world: World, call: Call) -> None:
    blockingCallFromThread(world.reactor, call)


WAKES: list[Wake] = [
    call_soon_threadsafe,
    add_callback,
    call_from_thread,
    run_coroutine_threadsafe,
    blocking_call_from_thread,
]


async def seconds_to_wake(world: World, wake: Wake) -> float:
    """Seconds from a call in another thread until an idle loop has resumed a task."""
    called = world.future()
    asked: list[float] = []

    def from_outside() -> None:
        time.sleep(SLEEP)
        asked.append(time.monotonic())
        wake(world, lambda: called.set_result(threading.get_ident()))

    thread = threading.Thread(target=from_outside)
    thread.start()
    try:
        assert await called == threading.get_ident()
        return time.monotonic() - asked[0]
    finally:
        await world.loop.run_in_executor(None, thread.join)


def test_thread_wakes_an_idle_loop_at_once(stage: Stage) -> None:
    async def main(world: World) -> dict[str, float]:
        # The executor's threads start here, not while the time is measured.
        await world.loop.run_in_executor(None, time.sleep, 0)
        # A lost wake-up lasts until PATIENCE; a busy machine may delay a call, but not each time.
        taken = dict.fromkeys((wake.__name__ for wake in WAKES), PATIENCE)
        for wake in WAKES * ATTEMPTS:
            seconds = await seconds_to_wake(world, wake)
            taken[wake.__name__] = min(taken[wake.__name__], seconds)
        return taken

    taken = stage.play(main)
    assert max(taken.values()) < AT_ONCE, taken


@pytest.mark.parametrize("wake", [call_soon_threadsafe, add_callback, call_from_thread])
def test_no_call_of_many_threads_is_lost(stage: Stage, wake: Wake) -> None:
    threads, calls = 4, 250

    async def main(world: World) -> list[list[int]]:
        heard: list[list[int]] = [[] for _ in range(threads)]
        done = world.future()

        def arrived(thread: int, number: int) -> None:
            heard[thread].append(number)
            if sum(map(len, heard)) == threads * calls:
                done.set_result(None)

        def from_outside(thread: int) -> None:
            for number in range(calls):
                wake(world, partial(arrived, thread, number))

        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            for thread in range(threads):
                pool.submit(from_outside, thread)
            await done
        return heard

    assert stage.play(main) == [list(range(calls))] * threads


def test_results_come_back_from_both_thread_pools(stage: Stage) -> None:
    async def main(world: World) -> list[Any]:
        reactor = world.reactor
        from_twisted = deferToThreadPool(reactor, reactor.getThreadPool(), threading.get_ident)
        return [
            await world.loop.run_in_executor(None, threading.get_ident),
            await world.io_loop.run_in_executor(None, threading.get_ident),
            await from_twisted.asFuture(world.loop),
        ]

    threads = stage.play(main)
    assert len(threads) == 3
    assert threading.get_ident() not in threads


def test_thread_pool_failure_comes_back(stage: Stage) -> None:
    async def main(world: World) -> None:
        pool = world.reactor.getThreadPool()
        await deferToThreadPool(world.reactor, pool, int, "x").asFuture(world.loop)

    with pytest.raises(ValueError, match="invalid literal"):
        stage.play(main)
