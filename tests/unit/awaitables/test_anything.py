"""await_anything(): plain code awaits anything, and what Twisted drives runs as a Task."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any

import pytest
from tornado import gen
from twisted.internet.defer import (
    Deferred,
    DeferredList,
    ensureDeferred,
    inlineCallbacks,
    maybeDeferred,
    succeed,
)

from tests.unit.awaitables.harness import BoomError, UnhandledErrors, outcome, run, turns
from triloop.awaitables import (
    as_deferred,
    as_future,
    await_anything,
    returns_deferred,
    returns_future,
    wait,
)


@pytest.fixture
def anything() -> Iterator[None]:
    with await_anything():
        yield


def later(value: Any = "value") -> Deferred[Any]:
    deferred: Deferred[Any] = Deferred()
    asyncio.get_running_loop().call_soon(deferred.callback, value)
    return deferred


async def awaits(x: Any) -> Any:
    return await x


async def mixed() -> list[Any]:
    task = asyncio.current_task()
    seen = [
        await later(1),
        await asyncio.sleep(0, 2),
        *await asyncio.gather(later(3), awaits(later(4))),
    ]
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(Deferred(), 0.001)
        seen.append("never")
    assert asyncio.current_task() is task is not None
    return seen


@inlineCallbacks
def generator() -> Generator[Any, Any, list[Any]]:
    task = asyncio.current_task()
    seen = [(yield later(1)), (yield asyncio.sleep(0, 2))]
    seen.append((yield asyncio.ensure_future(awaits(later(3)))))
    assert asyncio.current_task() is task is not None
    return [*seen, (yield 4)]


STARTS: dict[str, Callable[[], Any]] = {
    "task": lambda: asyncio.ensure_future(mixed()),
    "tornado": lambda: gen.convert_yielded(mixed()),
    "fromCoroutine": lambda: Deferred.fromCoroutine(mixed()),
    "ensureDeferred": lambda: ensureDeferred(mixed()),
    "maybeDeferred": lambda: maybeDeferred(mixed),
    "inlineCallbacks": generator,
    "as_deferred": lambda: as_deferred(mixed()),
    "eager": lambda: as_deferred(mixed(), eager=True),
    "returns_deferred": returns_deferred(mixed),
    "returns_future": returns_future(generator),
}


@pytest.mark.usefixtures("anything")
@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS.keys())
def test_anything_may_be_awaited_whichever_way_the_coroutine_was_started(
    start: Callable[[], Any], unhandled: UnhandledErrors
) -> None:
    async def main() -> None:
        assert await start() == [1, 2, 3, 4]

    run(main, unhandled)


@pytest.mark.usefixtures("anything")
@pytest.mark.parametrize("start", [Deferred.fromCoroutine, inlineCallbacks(lambda x: (yield x))])
def test_what_twisted_drives_begins_and_goes_on_at_once(
    start: Callable[[Any], Any], unhandled: UnhandledErrors
) -> None:
    async def main() -> None:
        mine = asyncio.current_task()
        assert outcome(start(awaits(succeed(1)))) == [1]
        source: Deferred[int] = Deferred()
        results = outcome(start(awaits(source)))
        source.callback(2)
        assert results == [2]
        assert asyncio.current_task() is mine

    run(main, unhandled)


@pytest.mark.parametrize("drive", [Deferred.fromCoroutine, inlineCallbacks(lambda x: (yield x))])
def test_a_coroutine_that_cancels_itself_goes_on(
    drive: Callable[[Any], Deferred[Any]], unhandled: UnhandledErrors
) -> None:
    """It awaits nothing meanwhile: what Twisted does is what there is to compare with."""

    async def main() -> list[Any]:
        begin, later = Deferred[None](), Deferred[str]()

        async def cancels_itself() -> str:
            await begin
            deferred.cancel()
            return await later

        deferred = drive(cancels_itself())
        results = outcome(deferred)
        begin.callback(None)
        later.callback("value")
        await turns()
        return results

    native = run(main, unhandled)
    with await_anything():
        assert run(main, unhandled) == native == ["value"]


def drive_by_hand(coroutine: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run a coroutine of Deferreds without Twisted's functions."""
    results: list[Any] = []

    def step(result: Any) -> None:
        try:
            awaited = coroutine.send(result)
        except StopIteration as returned:
            results.append(returned.value)
        else:
            awaited.addCallbacks(step, results.append)

    step(None)
    return results


@pytest.mark.usefixtures("anything")
@pytest.mark.parametrize("awaitable", [awaits, wait])
def test_any_driver_of_deferreds_may_run_it(
    awaitable: Callable[[Any], Any], unhandled: UnhandledErrors
) -> None:
    async def main() -> None:
        source: Deferred[int] = Deferred()
        results = drive_by_hand(awaitable(source))
        source.callback(1)
        assert results == [1]

    run(main, unhandled)


@pytest.mark.usefixtures("anything")
def test_it_begins_before_the_loop_runs(unhandled: UnhandledErrors) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        deferred = Deferred.fromCoroutine(asyncio.sleep(0.001, "value"))
        assert loop.run_until_complete(as_future(deferred, loop=loop)) == "value"
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.mark.usefixtures("anything")
def test_without_any_loop_twisted_drives(unhandled: UnhandledErrors) -> None:
    source: Deferred[int] = Deferred()
    results = outcome(Deferred.fromCoroutine(awaits(source)))
    source.callback(1)
    assert results == [1]


async def error_of(x: Any) -> str:
    try:
        await x
    except BaseException as error:  # noqa: BLE001 - it is what is asked for
        return f"{type(error).__module__.split('.')[0]} {error}"
    return "no error"


@pytest.mark.usefixtures("anything")
def test_a_cancelled_deferred_raises_twisteds_error_a_cancelled_task_asyncios(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        results = []
        waiting: Any = Deferred.fromCoroutine(error_of(Deferred()))
        waiting.cancel()
        results.append(await waiting)
        waiting = Deferred.fromCoroutine(error_of(asyncio.sleep(60)))
        waiting.cancel()
        results.append(await waiting)
        waiting = asyncio.ensure_future(error_of(Deferred()))
        await turns()
        waiting.cancel("reason")
        results.append(await waiting)
        source: Deferred[None] = Deferred()
        waiting = asyncio.ensure_future(error_of(source))
        await turns()
        source.cancel()
        results.append(await waiting)
        assert results == ["twisted ", "asyncio ", "asyncio reason", "twisted "]

    run(main, unhandled)


@pytest.mark.usefixtures("anything")
def test_a_failure_is_raised_in_each_that_awaits_it_and_reported_in_none(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        boom = BoomError()
        source: Deferred[None] = Deferred()
        waiting = [
            asyncio.ensure_future(awaits(source)),
            as_future(Deferred.fromCoroutine(awaits(source))),
            as_future(source),
        ]
        await turns()
        source.errback(boom)
        waiting.append(asyncio.ensure_future(awaits(source)))
        assert await asyncio.gather(*waiting, return_exceptions=True) == [boom] * 4

    run(main, unhandled)


@pytest.mark.usefixtures("anything")
def test_exits_stay_in_the_deferred(unhandled: UnhandledErrors) -> None:
    async def exits(x: Any) -> None:
        await x
        raise SystemExit(3)

    async def main() -> None:
        assert outcome(Deferred.fromCoroutine(exits(succeed(None))))[0].value.code == 3
        source: Deferred[None] = Deferred()
        results = outcome(Deferred.fromCoroutine(exits(source)))
        source.callback(None)
        assert results[0].value.code == 3

    run(main, unhandled)


@pytest.mark.usefixtures("anything")
def test_a_timeout_cancels_a_list_of_deferreds(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        parts: list[Deferred[None]] = [Deferred(), Deferred()]
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(DeferredList(parts, consumeErrors=True), 0.001)
        assert all(part.called for part in parts)

    run(main, unhandled)


@pytest.mark.usefixtures("anything")
def test_asynchronous_generators_await_deferreds(unhandled: UnhandledErrors) -> None:
    async def counts() -> Any:
        for number in range(2):
            yield await later(number)

    @types.coroutine
    def old(deferred: Deferred[Any]) -> Generator[Any, Any, Any]:
        return (yield from deferred)

    async def main() -> None:
        assert [number async for number in counts()] == [0, 1]
        assert await asyncio.ensure_future(awaits(old(later()))) == "value"
        assert await Deferred.fromCoroutine(awaits(old(later()))) == "value"

    run(main, unhandled)


@pytest.mark.usefixtures("anything")
def test_a_deallocated_coroutine_is_not_reported(unhandled: UnhandledErrors) -> None:
    closed: list[str] = []

    async def waits() -> None:
        try:
            await Deferred()
        finally:
            closed.append("coroutine")

    @inlineCallbacks
    def yields() -> Generator[Any, Any, None]:
        try:
            yield Deferred()
        finally:
            closed.append("generator")

    async def main() -> None:
        Deferred.fromCoroutine(waits())
        yields()
        gc.collect()
        assert sorted(closed) == ["coroutine", "generator"]

    run(main, unhandled)


@pytest.mark.usefixtures("anything")
def test_tasks_in_one_context_wake_each_other(unhandled: UnhandledErrors) -> None:
    async def fires(source: Deferred[int]) -> None:
        source.callback(3)

    async def main() -> None:
        source: Deferred[int] = Deferred()
        results = outcome(Deferred.fromCoroutine(awaits(source)))
        await asyncio.ensure_future(fires(source))
        assert results == [3]

    run(main, unhandled)


def test_it_can_be_called_twice_and_is_undone_once(unhandled: UnhandledErrors) -> None:
    async def main() -> str:
        source: Deferred[None] = Deferred()
        task = asyncio.ensure_future(error_of(source))
        await turns()
        source.callback(None)
        return await task

    first = await_anything()
    second = await_anything()
    second.undo()
    assert run(main, unhandled) == "no error"
    first.undo()
    first.undo()
    assert "await_anything" in run(main, unhandled)


@pytest.mark.parametrize(
    "start",
    [
        lambda: asyncio.ensure_future(error_of(Deferred())),
        lambda: as_future(Deferred.fromCoroutine(error_of(asyncio.sleep(0.001)))),
    ],
    ids=["deferred in a task", "future in twisted's"],
)
def test_error_without_await_anything_names_the_fix(
    start: Callable[[], Any], unhandled: UnhandledErrors
) -> None:
    async def main() -> None:
        said = await start()
        assert said.startswith("builtins ")
        for fix in ("triloop.wait(", "triloop.await_anything()", "triloop.as_"):
            assert fix in said

    run(main, unhandled)


def test_yielded_future_is_sent_back_without_await_anything(unhandled: UnhandledErrors) -> None:
    @inlineCallbacks
    def yields(x: Any) -> Generator[Any, Any, Any]:
        return (yield x) is x

    async def main() -> None:
        assert outcome(yields(asyncio.get_running_loop().create_future())) == [True]

    run(main, unhandled)
