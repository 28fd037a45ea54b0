"""wait(): everything that can be waited for, by every driver of coroutines."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest
import tornado
from tornado import gen
from twisted.internet import defer
from twisted.internet.defer import Deferred, ensureDeferred, inlineCallbacks
from twisted.python.failure import Failure

from tests.unit.awaitables.harness import BoomError, UnhandledErrors, kinds, outcome, run, turns
from triloop.awaitables import as_future, await_anything, wait

Drive = Callable[[Coroutine[Any, Any, Any]], Any]


@inlineCallbacks
def by_inline_callbacks(x: Any) -> Generator[Any, Any, Any]:
    return (yield x)


@gen.coroutine
def by_tornado(x: Any) -> Generator[Any, Any, Any]:
    return (yield x)


async def by_await(x: Any) -> Any:
    return await x


ASYNCIO: dict[str, Drive] = {
    "task": lambda x: asyncio.ensure_future(by_await(x)),
    "task of it": asyncio.ensure_future,
    "gather": lambda x: asyncio.ensure_future(asyncio.wait_for(x, 10)),
    "tornado": by_tornado,
    "as_future": lambda x: as_future(by_await(x)),
}
TWISTED: dict[str, Drive] = {
    "fromCoroutine": lambda x: Deferred.fromCoroutine(by_await(x)),
    "of it": Deferred.fromCoroutine,
    "ensureDeferred": lambda x: ensureDeferred(by_await(x)),
    "inlineCallbacks": by_inline_callbacks,
}
CANCELLED = dict.fromkeys(ASYNCIO, asyncio.CancelledError) | dict.fromkeys(
    TWISTED, defer.CancelledError
)
drivers = pytest.mark.parametrize(
    "drive", [*ASYNCIO.values(), *TWISTED.values()], ids=[*ASYNCIO, *TWISTED]
)
# Cancelling what gen.coroutine gives does not reach the coroutine; before Tornado 6.6, a coroutine
# that waits for what other code cancels never goes on.
cancellable = {name: drive for name, drive in (ASYNCIO | TWISTED).items() if name != "tornado"}
may_be_told = ASYNCIO | TWISTED if tornado.version_info >= (6, 6) else cancellable


def each(drives: dict[str, Drive]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("drive", "cancelled"),
        [(drive, CANCELLED[name]) for name, drive in drives.items()],
        ids=drives.keys(),
    )


async def end_of(driven: Any) -> Any:
    """The result, or the exception that its own library shows."""
    if not isinstance(driven, Deferred):
        return (await asyncio.gather(driven, return_exceptions=True))[0]
    ended = asyncio.Event()
    results = outcome(driven)
    driven.addBoth(lambda _: ended.set())
    await ended.wait()
    return results[0].value if isinstance(results[0], Failure) else results[0]


@drivers
@kinds
@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_every_driver_has_the_outcome_of_every_kind(
    drive: Drive,
    kind: Callable[[Deferred[Any]], Any],
    early: bool,
    fails: bool,
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        source: Deferred[Any] = Deferred()
        result: Any = BoomError() if fails else "value"
        fire = source.errback if fails else source.callback
        if early:
            fire(result)
        x = kind(source)
        driven = drive(wait(x))
        if not early:
            asyncio.get_running_loop().call_soon(fire, result)
        assert await end_of(driven) is result

    run(main, unhandled)


@each(may_be_told)
@kinds
@pytest.mark.parametrize("early", [True, False])
def test_the_cancelled_error_is_the_drivers_own(
    drive: Drive,
    cancelled: type[BaseException],
    kind: Callable[[Deferred[Any]], Any],
    early: bool,
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        source: Deferred[Any] = Deferred()
        if early:
            source.cancel()
        driven = drive(wait(kind(source)))
        if not early:
            asyncio.get_running_loop().call_soon(source.cancel)
        assert type(await end_of(driven)) is cancelled

    run(main, unhandled)


@each(cancellable)
@kinds
def test_cancelling_the_driver_cancels_what_it_waits_for(
    drive: Drive,
    cancelled: type[BaseException],
    kind: Callable[[Deferred[Any]], Any],
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        asked: list[Deferred[Any]] = []
        source: Deferred[Any] = Deferred(asked.append)
        driven = drive(wait(kind(source)))
        await turns(5)
        driven.cancel()
        assert type(await end_of(driven)) is cancelled
        await turns(5)
        if kind.__name__ != "as_concurrent":
            assert asked == [source]

    run(main, unhandled)


def test_failure_of_a_cancelled_deferred_is_the_cause(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        boom = BoomError()
        source: Deferred[Any] = Deferred(lambda source: source.errback(boom))
        task = asyncio.ensure_future(wait(source))
        await turns()
        task.cancel("the reason")
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        assert raised.value.args == ("the reason",) or raised.value.__context__ is not None

    run(main, unhandled)


def test_a_timeout_is_raised_whatever_the_cancelled_deferred_fires_with(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        def last_word(source: Deferred[Any]) -> None:
            source.callback(words.pop())

        words = ["value", Failure(BoomError())]
        while words:
            source: Deferred[Any] = Deferred(last_word)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(wait(source), 0.001)

    run(main, unhandled)


@pytest.mark.parametrize("drive", ["task", "fromCoroutine"])
def test_a_canceller_that_raises_ends_the_wait(drive: str, unhandled: UnhandledErrors) -> None:
    def refuses(source: Deferred[Any]) -> None:
        raise boom

    boom = BoomError()

    async def main() -> None:
        source: Deferred[Any] = Deferred(refuses)
        with await_anything():
            driven: Any = (ASYNCIO | TWISTED)[drive](by_await(source))
            await turns()
            driven.cancel()
            try:
                ended = await driven
            except (BoomError, asyncio.CancelledError) as error:
                ended = error
        # Before Python 3.11 a Task ends with a new CancelledError, whose context is the first.
        first = ended.__context__ if sys.version_info < (3, 11) else ended
        assert (first.__cause__ if drive == "task" else ended) is boom
        source.callback("too late")

    run(main, unhandled)


def test_a_task_that_is_cancelled_as_its_future_is_done_is_cancelled(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        source: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(wait(source))
        await turns()
        source.set_result("value")
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(main, unhandled)


def test_a_coroutine_that_sees_a_cancellation_raises_the_drivers_own(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        source: Deferred[None] = Deferred()
        task = asyncio.ensure_future(wait(as_future(by_await(source))))
        await turns()
        source.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(main, unhandled)


def test_one_that_is_never_awaited_is_called_by_its_name() -> None:
    def forget() -> None:
        wait(defer.succeed(None))  # type: ignore[unused-coroutine]

    with pytest.warns(RuntimeWarning, match="coroutine 'wait' was never awaited"):
        forget()


def test_what_a_coroutine_waits_for_has_time_to_clean_up(unhandled: UnhandledErrors) -> None:
    events: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await turns()
            events.append("cleaned up")

    async def main() -> None:
        for start in (asyncio.ensure_future, lambda x: as_future(Deferred.fromCoroutine(x))):
            driven = start(wait(work()))
            await turns()
            driven.cancel()
            await asyncio.wait([driven])
            await turns(6)
            assert events == ["cleaned up"]
            events.clear()

    run(main, unhandled)


def test_the_value_is_the_one_at_its_place_in_the_chain(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        source: Deferred[int] = Deferred()
        tasks = [asyncio.ensure_future(wait(source)) for _ in range(2)]
        await turns()
        source.addCallback(lambda result: result + 1)
        tasks.append(asyncio.ensure_future(wait(source)))
        await turns()
        source.callback(1)
        assert await asyncio.gather(*tasks) == [1, 1, 2]

    run(main, unhandled)


def test_a_wrong_type_is_refused_where_it_is_given() -> None:
    with pytest.raises(TypeError, match="wait needs"):
        wait(as_future)  # type: ignore[arg-type, unused-coroutine]


def test_work_of_a_thread_may_be_waited_for(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            assert await wait(pool.submit(int, "3")) == 3

    run(main, unhandled)
