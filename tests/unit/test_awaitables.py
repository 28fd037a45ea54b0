"""Deferred, Future and coroutine as each other: results, errors, cancellation, no doubles."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import subprocess
import sys
import threading
import traceback
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tornado import gen
from tornado.ioloop import IOLoop
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from triloop.awaitables import as_deferred, as_future

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator


class BoomError(Exception):
    """What these tests fail with."""


@implementer(ILogObserver)
class UnheardOf:
    """The errors that Twisted and asyncio report because nobody handled them."""

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


@pytest.fixture
def unheard_of() -> Iterator[UnheardOf]:
    reports = UnheardOf()
    globalLogPublisher.addObserver(reports)
    yield reports
    unheard = list(reports.collected())
    globalLogPublisher.removeObserver(reports)
    assert not unheard


def run(main: Callable[[], Awaitable[Any]], unheard_of: UnheardOf) -> Any:
    async def with_handler() -> Any:
        asyncio.get_running_loop().set_exception_handler(unheard_of.asyncio)
        return await main()

    return asyncio.run(with_handler())


def failed(error: BaseException) -> Deferred[Any]:
    return defer.fail(Failure(error))


def outcome(deferred: Deferred[Any]) -> list[Any]:
    """What the Deferred fires with lands in the list."""
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


def there_and_back(x: Any) -> asyncio.Future[Any]:
    return as_future(as_deferred(x))


# -- results and errors, every kind in every form -----------------------------------------------


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


@kinds
@pytest.mark.parametrize("early", [True, False])
def test_a_result_is_carried_over(
    kind: Callable[[Deferred[Any]], Any], early: bool, unheard_of: UnheardOf
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

    run(main, unheard_of)


@kinds
@pytest.mark.parametrize("early", [True, False])
def test_the_very_exception_is_carried_over_with_its_traceback(
    kind: Callable[[Deferred[Any]], Any], early: bool, unheard_of: UnheardOf
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
            # Older Twisted drops the traceback of a failure that nobody handles yet.
            dropped = boom.__traceback__ is None
            with pytest.raises(BoomError) as raised:
                await future
            assert raised.value is boom
            assert dropped or "raise_boom" in frames(raised.value)

    run(main, unheard_of)


def test_the_failure_of_a_deferred_has_the_traceback_of_the_coroutine(
    unheard_of: UnheardOf,
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

    run(main, unheard_of)


def test_what_is_done_already_needs_no_turn_of_the_loop(unheard_of: UnheardOf) -> None:
    async def main() -> None:
        assert as_future(defer.succeed(1)).result() == 1
        assert isinstance(as_future(failed(BoomError())).exception(), BoomError)
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.set_result(2)
        assert outcome(as_deferred(done)) == [2]

    run(main, unheard_of)


def test_a_deferred_keeps_its_result_for_who_comes_next(unheard_of: UnheardOf) -> None:
    async def main() -> None:
        source: Deferred[str] = Deferred()
        first, second = as_future(source), as_future(source)
        source.callback("value")
        assert [await first, await second] == ["value", "value"]
        assert outcome(source) == ["value"]

    run(main, unheard_of)


def test_what_is_of_the_wanted_kind_comes_back_as_it_is(unheard_of: UnheardOf) -> None:
    async def main() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        assert as_future(future) is future
        deferred: Deferred[None] = Deferred()
        assert as_deferred(deferred) is deferred

    run(main, unheard_of)


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


def test_a_stop_iteration_arrives_as_a_runtime_error(unheard_of: UnheardOf) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await as_future(failed(StopIteration()))

    run(main, unheard_of)


# -- cancellation -------------------------------------------------------------------------------


def test_cancelling_the_future_cancels_the_deferred(unheard_of: UnheardOf) -> None:
    async def main() -> None:
        cancelled: list[Deferred[None]] = []
        source: Deferred[None] = Deferred(cancelled.append)
        future = as_future(source)
        future.cancel()
        await turns()
        assert cancelled == [source]
        with pytest.raises(asyncio.CancelledError):
            await future

    run(main, unheard_of)


@pytest.mark.parametrize("last_word", ["value", BoomError()], ids=["result", "error"])
def test_what_a_cancelled_deferred_still_comes_to_is_dropped(
    last_word: Any, unheard_of: UnheardOf
) -> None:
    async def main() -> None:
        source: Deferred[Any] = Deferred(lambda deferred: deferred.callback(last_word))
        if isinstance(last_word, BoomError):
            source = Deferred(lambda deferred: deferred.errback(last_word))
        as_future(source).cancel()
        await turns()
        assert source.called

    run(main, unheard_of)


@kinds
def test_a_cancelled_source_cancels_the_future(
    kind: Callable[[Deferred[Any]], Any], unheard_of: UnheardOf
) -> None:
    async def main() -> None:
        source: Deferred[None] = Deferred()
        future = as_future(kind(source))
        asyncio.get_running_loop().call_soon(source.cancel)
        with pytest.raises(asyncio.CancelledError):
            await future
        assert future.cancelled()

    run(main, unheard_of)


def test_a_cancelled_future_fails_its_deferred_with_twisteds_error(unheard_of: UnheardOf) -> None:
    async def main() -> None:
        source: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        results = outcome(as_deferred(source))
        source.cancel()
        await turns()
        assert results[0].check(defer.CancelledError)
        assert outcome(as_deferred(source))[0].check(defer.CancelledError)

    run(main, unheard_of)


def test_a_cancelled_coroutine_cleans_up_before_its_deferred_fires(unheard_of: UnheardOf) -> None:
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

    run(main, unheard_of)


def test_a_coroutine_may_refuse_one_cancel_and_give_in_to_the_next(unheard_of: UnheardOf) -> None:
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

    run(main, unheard_of)


def test_cancelling_reaches_a_deferred_that_a_coroutine_awaits(unheard_of: UnheardOf) -> None:
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

    run(main, unheard_of)


# -- threads ------------------------------------------------------------------------------------


def test_what_another_thread_completes_arrives_in_the_loops_thread(unheard_of: UnheardOf) -> None:
    async def main() -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            deferred = as_deferred(pool.submit(threading.get_ident))
            deferred.addCallback(lambda ident: arrived.set_result((ident, threading.get_ident())))
            worker, delivered = await asyncio.wait_for(arrived, 10)
        assert worker != delivered == threading.get_ident()

    run(main, unheard_of)


def test_cancelling_takes_back_work_that_no_thread_has_begun(unheard_of: UnheardOf) -> None:
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

    run(main, unheard_of)


# -- coroutines that await both -----------------------------------------------------------------


def test_a_coroutine_awaits_deferreds_and_futures_alike(unheard_of: UnheardOf) -> None:
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

    run(main, unheard_of)


def test_a_coroutine_keeps_its_context(unheard_of: UnheardOf) -> None:
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

    run(main, unheard_of)


def test_an_abandoned_coroutine_is_closed(unheard_of: UnheardOf) -> None:
    closed: list[bool] = []

    async def waits() -> None:
        try:
            await Deferred()
        finally:
            closed.append(True)

    async def main() -> None:
        as_future(waits())
        await turns()

    run(main, unheard_of)
    assert closed == [True]


# -- Tornado ------------------------------------------------------------------------------------


def test_deferreds_can_be_yielded_in_gen_coroutine(unheard_of: UnheardOf) -> None:
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

    run(main, unheard_of)


def test_a_deferred_can_be_yielded_before_the_loop_runs(unheard_of: UnheardOf) -> None:
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


# -- which loop ---------------------------------------------------------------------------------


def test_before_any_loop_runs_the_current_one_is_used(unheard_of: UnheardOf) -> None:
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


# -- nobody handles it, nothing stays -----------------------------------------------------------


def test_an_error_that_nobody_handles_is_reported_once() -> None:
    def reports(main: Callable[[], Awaitable[None]]) -> list[str]:
        unheard_of = UnheardOf()
        globalLogPublisher.addObserver(unheard_of)
        try:
            run(main, unheard_of)
            return [report.split(":")[0] for report in unheard_of.collected()]
        finally:
            globalLogPublisher.removeObserver(unheard_of)

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
def test_what_is_over_is_freed_without_the_cyclic_collector(
    kind: Callable[[Deferred[Any]], Any], fails: bool, unheard_of: UnheardOf
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

    run(main, unheard_of)
