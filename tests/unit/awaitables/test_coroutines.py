"""Coroutines that await Deferreds and Futures alike, Tornado's among them."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import subprocess
import sys
import weakref
from collections.abc import Generator
from typing import Any

from tornado import gen
from tornado.ioloop import IOLoop
from twisted.internet import defer
from twisted.internet.defer import Deferred

from tests.unit.awaitables.harness import BoomError, UnhandledErrors, failed, run, turns
from triloop.awaitables import as_deferred, as_future


def test_a_coroutine_awaits_deferreds_and_futures_alike(unhandled: UnhandledErrors) -> None:
    async def mixed(loop: asyncio.AbstractEventLoop) -> list[Any]:
        later: Deferred[str] = Deferred()
        loop.call_soon(later.callback, "deferred")
        seen: list[Any] = [await later, await defer.succeed("fired"), await asyncio.sleep(0, "aio")]
        failing: Deferred[None] = Deferred()
        loop.call_soon(failing.errback, BoomError())
        try:
            await failing
        except BoomError as boom:
            seen.append(type(boom))
        return seen

    async def main() -> None:
        loop = asyncio.get_running_loop()
        expected = ["deferred", "fired", "aio", BoomError]
        assert await as_future(mixed(loop)) == expected
        assert await as_future(as_deferred(mixed(loop))) == expected

    run(main, unhandled)


def test_a_coroutine_keeps_its_context(unhandled: UnhandledErrors) -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    async def reads(source: Deferred[None]) -> list[str]:
        before = variable.get()
        variable.set("inside")
        await source
        return [before, variable.get()]

    async def main() -> None:
        variable.set("outside")
        source: Deferred[None] = Deferred()
        future = as_future(reads(source))
        variable.set("later")
        asyncio.get_running_loop().call_soon(source.callback, None)
        assert await future == ["outside", "inside"]
        assert variable.get() == "later"

    run(main, unhandled)


def test_an_abandoned_coroutine_is_closed(unhandled: UnhandledErrors) -> None:
    closed: list[bool] = []

    async def waits() -> None:
        try:
            await Deferred()
        finally:
            closed.append(True)

    async def main() -> None:
        as_future(waits())
        await turns()

    run(main, unhandled)
    assert closed == [True]


def test_deferreds_can_be_yielded_in_gen_coroutine(unhandled: UnhandledErrors) -> None:
    @gen.coroutine
    def yields() -> Generator[Any, Any, list[Any]]:
        later: Deferred[str] = Deferred()
        IOLoop.current().add_callback(later.callback, "later")
        seen = [(yield later), (yield defer.succeed("now"))]
        seen += yield [defer.succeed("listed"), gen.moment]
        try:
            yield failed(BoomError())
        except BoomError:
            seen.append("boom")
        return seen

    async def main() -> None:
        assert await yields() == ["later", "now", "listed", None, "boom"]

    run(main, unhandled)


def test_a_deferred_can_be_yielded_before_the_loop_runs(unhandled: UnhandledErrors) -> None:
    @gen.coroutine
    def yields(source: Deferred[str]) -> Generator[Any, Any, str]:
        value: str = yield source
        return value

    io_loop = IOLoop(make_current=False)
    asyncio.set_event_loop(io_loop.asyncio_loop)
    try:
        source: Deferred[str] = Deferred()
        future = yields(source)
        io_loop.add_callback(source.callback, "value")
        assert io_loop.run_sync(lambda: future) == "value"
    finally:
        asyncio.set_event_loop(None)
        io_loop.close(all_fds=True)


def test_tornado_keeps_a_coroutine_that_it_runs(unhandled: UnhandledErrors) -> None:
    ended: list[str] = []

    async def waits(source: Deferred[str]) -> None:
        ended.append(await source)

    async def main() -> None:
        source: Deferred[str] = Deferred()
        alive = weakref.ref(gen.convert_yielded(waits(source)))
        kept = weakref.ref(source)
        await turns()
        del source
        gc.collect()
        assert alive() is not None
        found = kept()
        assert found is not None
        found.callback("value")
        del found
        await turns()
        gc.collect()
        assert ended == ["value"]
        assert alive() is None

    run(main, unhandled)


ELSEWHERE = """
import asyncio, triloop
from tornado import gen
from tornado.ioloop import IOLoop
from twisted.internet.defer import Deferred
from triloop.awaitables import as_future

triloop.install(asyncio.new_event_loop())
io_loop = IOLoop(make_current=False)
asyncio.set_event_loop(io_loop.asyncio_loop)
source = Deferred()
assert gen.convert_yielded(source).get_loop() is io_loop.asyncio_loop
assert as_future(source).get_loop() is not io_loop.asyncio_loop
"""


def test_a_yielded_deferred_goes_to_tornados_loop_not_the_reactors() -> None:
    subprocess.run([sys.executable, "-c", ELSEWHERE], timeout=30, check=True)
