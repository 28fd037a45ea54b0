"""Awaitables of every kind, and loops to test them in."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import os
import traceback
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest
import uvloop
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor
from twisted.logger import ILogObserver, LogEvent
from twisted.python.failure import Failure
from zope.interface import implementer

import triloop
from triloop.awaitables import as_future

#: Which loop the tests run in: asyncio, uvloop, or epoll for one in a reactor.
HOST = os.environ.get("TRILOOP_AWAIT_HOST", "asyncio")


class BoomError(Exception):
    """The error of these tests."""


@implementer(ILogObserver)
class UnhandledErrors:
    """The errors that Twisted and asyncio report because they were not handled."""

    def __init__(self) -> None:
        self.reports: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        if event.get("isError") or "log_failure" in event:
            self.reports.append(f"twisted: {event.get('log_failure') or event.get('log_format')}")

    def asyncio(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.reports.append(f"asyncio: {context['message']}")

    def collected(self) -> list[str]:
        gc.collect()
        return self.reports


def run(main: Callable[[], Awaitable[Any]], unhandled: UnhandledErrors) -> Any:
    async def with_handler() -> Any:
        asyncio.get_running_loop().set_exception_handler(unhandled.asyncio)
        return await main()

    if HOST == "asyncio":
        return asyncio.run(with_handler())
    loop = uvloop.new_event_loop() if HOST == "uvloop" else triloop.new_event_loop(EPollReactor())
    try:
        return loop.run_until_complete(with_handler())
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.close()


def failed(error: BaseException) -> Deferred[Any]:
    return defer.fail(Failure(error))


def outcome(deferred: Deferred[Any]) -> list[Any]:
    """A list that gets the result of the Deferred."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    return results


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def raise_boom() -> None:
    raise BoomError("from raise_boom")


def frames(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


async def as_coroutine(deferred: Deferred[Any]) -> Any:
    return await as_future(deferred)


def as_task(deferred: Deferred[Any]) -> asyncio.Future[Any]:
    return asyncio.ensure_future(as_coroutine(deferred))


def as_concurrent(deferred: Deferred[Any]) -> concurrent.futures.Future[Any]:
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def fail(failure: Failure) -> None:
        if isinstance(failure.value, defer.CancelledError):
            future.cancel()
        else:
            future.set_exception(failure.value)

    deferred.addCallbacks(future.set_result, fail)
    return future


class Awaits:
    def __init__(self, deferred: Deferred[Any]) -> None:
        self.deferred = deferred

    def __await__(self) -> Generator[Any, Any, Any]:
        return as_future(self.deferred).__await__()


KINDS: list[Callable[[Deferred[Any]], Any]] = [
    lambda deferred: deferred,
    as_coroutine,
    as_task,
    as_concurrent,
    Awaits,
]
kinds = pytest.mark.parametrize(
    "kind", KINDS, ids=["deferred", "coroutine", "task", "concurrent", "awaitable"]
)
