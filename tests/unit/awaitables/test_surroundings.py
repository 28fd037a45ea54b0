"""Which loop is used, which errors are reported, what is freed."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from tests.unit.awaitables.harness import BoomError, UnhandledErrors, failed, kinds, run, turns
from triloop.awaitables import as_deferred, as_future


def test_before_any_loop_runs_the_current_one_is_used(unhandled: UnhandledErrors) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        assert as_future(defer.succeed(None)).get_loop() is loop
        assert as_future(defer.succeed(None), loop=loop).get_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_without_any_loop_the_error_names_the_fix() -> None:
    errors: list[BaseException] = []

    def convert() -> None:
        try:
            as_future(defer.succeed(None))
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=convert)
    thread.start()
    thread.join()
    assert "triloop.install()" in str(errors[0])


def test_an_unhandled_error_is_reported_once() -> None:
    def reports(main: Callable[[], Awaitable[None]]) -> list[str]:
        unhandled = UnhandledErrors()
        globalLogPublisher.addObserver(unhandled)
        try:
            run(main, unhandled)
            return [report.split(":")[0] for report in unhandled.collected()]
        finally:
            globalLogPublisher.removeObserver(unhandled)

    async def future_dropped() -> None:
        as_future(failed(BoomError()))
        gc.collect()

    async def deferred_dropped() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        as_deferred(future)
        future.set_exception(BoomError())
        del future
        await turns()
        gc.collect()

    assert reports(future_dropped) == ["asyncio"]
    # Twisted's report has two parts: the line, and the traceback.
    assert reports(deferred_dropped) == ["twisted", "twisted"]


class Payload:
    """Something that a weak reference can point at."""


@kinds
@pytest.mark.parametrize("fails", [False, True], ids=["result", "error"])
def test_finished_awaits_are_freed_without_the_cyclic_collector(
    kind: Callable[[Deferred[Any]], Any], fails: bool, unhandled: UnhandledErrors
) -> None:
    async def once() -> weakref.ref[Payload]:
        payload = Payload()
        alive = weakref.ref(payload)
        source: Deferred[Any] = Deferred()
        deferred = as_deferred(as_future(kind(source)))
        error = BoomError(payload) if fails else None
        asyncio.get_running_loop().call_soon(source.callback, error or payload)
        finished = asyncio.Event()
        deferred.addBoth(lambda _: finished.set())
        await finished.wait()
        return alive

    async def main() -> None:
        gc.collect()
        gc.disable()
        try:
            alive = await once()
            await turns()
            assert alive() is None
        finally:
            gc.enable()

    run(main, unhandled)
