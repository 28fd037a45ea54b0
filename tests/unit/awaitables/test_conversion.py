"""Results and errors are carried over from every kind of awaitable to every other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.defer import Deferred

from tests.unit.awaitables.harness import (
    BoomError,
    UnhandledErrors,
    as_coroutine,
    failed,
    frames,
    kinds,
    outcome,
    raise_boom,
    run,
    turns,
)
from triloop.awaitables import as_deferred, as_future


def there_and_back(x: Any) -> asyncio.Future[Any]:
    return as_future(as_deferred(x))


@kinds
@pytest.mark.parametrize("early", [True, False])
def test_a_result_is_carried_over(
    kind: Callable[[Deferred[Any]], Any], early: bool, unhandled: UnhandledErrors
) -> None:
    async def main() -> None:
        results = []
        for convert in (as_future, there_and_back):
            source: Deferred[str] = Deferred()
            if early:
                source.callback("value")
            future = convert(kind(source))
            if not early:
                asyncio.get_running_loop().call_soon(source.callback, "value")
            results.append(await future)
        assert results == ["value", "value"]

    run(main, unhandled)


@kinds
@pytest.mark.parametrize("early", [True, False])
def test_the_very_exception_is_carried_over_with_its_traceback(
    kind: Callable[[Deferred[Any]], Any], early: bool, unhandled: UnhandledErrors
) -> None:
    async def main() -> None:
        for convert in (as_future, there_and_back):
            try:
                raise_boom()
            except BoomError as caught:
                boom = caught
            source: Deferred[None] = Deferred()
            future = convert(kind(source))
            if early:
                source.errback(boom)
            else:
                asyncio.get_running_loop().call_soon(source.errback, boom)
            # Older Twisted drops the traceback of a failure that is not handled yet.
            dropped = boom.__traceback__ is None
            with pytest.raises(BoomError) as raised:
                await future
            assert raised.value is boom
            assert dropped or "raise_boom" in frames(raised.value)

    run(main, unhandled)


def test_the_failure_of_a_deferred_has_the_traceback_of_the_coroutine(
    unhandled: UnhandledErrors,
) -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise_boom()

    async def main() -> None:
        results = outcome(as_deferred(fails()))
        await turns()
        (failure,) = results
        assert failure.check(BoomError)
        assert "raise_boom" in failure.getTraceback()

    run(main, unhandled)


def test_conversions_of_finished_sources_need_no_turn_of_the_loop(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        assert as_future(defer.succeed(1)).result() == 1
        assert isinstance(as_future(failed(BoomError())).exception(), BoomError)
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.set_result(2)
        assert outcome(as_deferred(done)) == [2]

    run(main, unhandled)


def test_a_deferred_keeps_its_result_for_later_callbacks(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        source: Deferred[str] = Deferred()
        first, second = as_future(source), as_future(source)
        source.callback("value")
        assert [await first, await second] == ["value", "value"]
        assert outcome(source) == ["value"]

    run(main, unhandled)


def test_conversion_to_its_own_kind_returns_the_object(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        assert as_future(future) is future
        deferred: Deferred[None] = Deferred()
        assert as_deferred(deferred) is deferred

    run(main, unhandled)


@pytest.mark.parametrize("convert", [as_future, as_deferred])
@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        (as_coroutine, "call it"),
        (3, r"succeed\(\)"),
        ((_ for _ in [1]), "inlineCallbacks"),
    ],
    ids=["function", "value", "generator"],
)
def test_a_wrong_type_is_refused_and_the_fix_is_named(
    convert: Callable[[Any], Any], wrong: object, fix: str
) -> None:
    with pytest.raises(TypeError, match=f"{convert.__name__} needs.*{fix}"):
        convert(wrong)


def test_a_stop_iteration_arrives_as_a_runtime_error(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await as_future(failed(StopIteration()))

    run(main, unhandled)
