"""Cancellation goes through a conversion both ways; so does work of other threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.defer import Deferred

from tests.unit.awaitables.harness import (
    BoomError,
    UnhandledErrors,
    kinds,
    outcome,
    raise_boom,
    run,
    turns,
)
from triloop.awaitables import as_deferred, as_future


def test_cancelling_the_future_cancels_the_deferred(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        cancelled: list[Deferred[None]] = []
        source: Deferred[None] = Deferred(cancelled.append)
        future = as_future(source)
        future.cancel()
        await turns()
        assert cancelled == [source]
        with pytest.raises(asyncio.CancelledError):
            await future

    run(main, unhandled)


@pytest.mark.parametrize("last_word", ["value", BoomError()], ids=["result", "error"])
def test_late_result_of_a_cancelled_deferred_is_dropped(
    last_word: Any, unhandled: UnhandledErrors
) -> None:
    async def main() -> None:
        source: Deferred[Any] = Deferred(lambda deferred: deferred.callback(last_word))
        if isinstance(last_word, BoomError):
            source = Deferred(lambda deferred: deferred.errback(last_word))
        as_future(source).cancel()
        await turns()
        assert source.called

    run(main, unhandled)


@kinds
def test_a_cancelled_source_cancels_the_future(
    kind: Callable[[Deferred[Any]], Any], unhandled: UnhandledErrors
) -> None:
    async def main() -> None:
        source: Deferred[None] = Deferred()
        future = as_future(kind(source))
        asyncio.get_running_loop().call_soon(source.cancel)
        with pytest.raises(asyncio.CancelledError):
            await future
        assert future.cancelled()

    run(main, unhandled)


def test_a_cancelled_future_fails_its_deferred_with_twisteds_error(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        source: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        results = outcome(as_deferred(source))
        source.cancel()
        await turns()
        assert results[0].check(defer.CancelledError)
        assert outcome(as_deferred(source))[0].check(defer.CancelledError)

    run(main, unhandled)


def test_a_cancelled_coroutine_cleans_up_before_its_deferred_fires(
    unhandled: UnhandledErrors,
) -> None:
    events: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await turns()
            events.append("cleaned up")

    async def main() -> None:
        deferred = as_deferred(work())
        deferred.addErrback(lambda failure: events.append(failure.type.__module__))
        await turns()
        deferred.cancel()
        assert not events
        await turns(10)
        assert events == ["cleaned up", "twisted.internet.defer"]

    run(main, unhandled)


def test_a_coroutine_may_refuse_one_cancel_and_give_in_to_the_next(
    unhandled: UnhandledErrors,
) -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)

    async def main() -> None:
        results = outcome(deferred := as_deferred(stubborn()))
        await turns()
        deferred.cancel()
        await turns()
        assert not results
        deferred.cancel()
        await turns()
        assert results[0].check(defer.CancelledError)

    run(main, unhandled)


def test_cancelling_reaches_a_deferred_that_a_coroutine_awaits(unhandled: UnhandledErrors) -> None:
    async def waits(source: Deferred[None]) -> None:
        await source

    async def main() -> None:
        cancelled: list[Deferred[None]] = []
        source: Deferred[None] = Deferred(cancelled.append)
        results = outcome(deferred := as_deferred(waits(source)))
        await turns()
        deferred.cancel()
        await turns(6)
        assert cancelled == [source]
        assert results[0].check(defer.CancelledError)

    run(main, unhandled)


def test_what_another_thread_completes_arrives_in_the_loops_thread(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            deferred = as_deferred(pool.submit(threading.get_ident))
            deferred.addCallback(lambda ident: arrived.set_result((ident, threading.get_ident())))
            worker, delivered = await asyncio.wait_for(arrived, 10)
        assert worker != delivered == threading.get_ident()

    run(main, unhandled)


def test_cancelling_takes_back_work_that_no_thread_has_begun(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        release = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(release.wait, 10)
            waiting = pool.submit(raise_boom)
            results = outcome(deferred := as_deferred(waiting))
            deferred.cancel()
            await turns()
            release.set()
        assert waiting.cancelled()
        assert results[0].check(defer.CancelledError)

    run(main, unhandled)
