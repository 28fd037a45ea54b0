"""Several Futures of one Deferred, failures of other kinds, and what a Task shows of itself."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import io
import sys
import types
import warnings
from collections.abc import Generator
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.spread import pb

from tests.unit.awaitables.harness import (
    BoomError,
    UnhandledErrors,
    failed,
    outcome,
    raise_boom,
    run,
    turns,
)
from triloop.awaitables import as_deferred, as_future


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_futures_of_one_deferred_have_one_outcome(
    early: bool, fails: bool, unhandled: UnhandledErrors
) -> None:
    async def main() -> None:
        source: Deferred[Any] = Deferred()
        result: Any = BoomError() if fails else "value"
        if early:
            source.callback(Failure(result) if fails else result)
        futures = [as_future(source), as_future(source)]
        if not early:
            source.callback(Failure(result) if fails else result)
        await turns()
        futures.append(as_future(source))
        assert await asyncio.gather(*futures, return_exceptions=True) == [result] * 3

    run(main, unhandled)


def test_a_future_that_is_cancelled_cancels_the_others_of_its_deferred(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        source: Deferred[None] = Deferred()
        first, second = as_future(source), as_future(source)
        first.cancel()
        await turns()
        assert second.cancelled()

    run(main, unhandled)


def test_a_failure_that_a_later_callback_handles_is_not_raised_again(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        source: Deferred[Any] = Deferred()
        future = as_future(source)
        source.addErrback(lambda failure: "handled")
        source.errback(BoomError())
        with pytest.raises(BoomError):
            await future
        assert await as_future(source) == "handled"

    run(main, unhandled)


def test_a_cancellation_keeps_its_message(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        source: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        there = as_future(as_deferred(source))
        source.cancel("the reason")
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await there
        assert cancelled.value.args == ("the reason",)
        results = outcome(as_deferred(source))
        assert results[0].value.args == ("the reason",)

    run(main, unhandled)


class SubclassedStopError(StopIteration):
    """Ends a generator too."""


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    """Takes no attribute and has no hash."""

    text: list[str]


class UntraceableError(Exception):
    """Has a method of its own in the place of one of Python's."""

    def with_traceback(self, trace: object) -> UntraceableError:
        raise RuntimeError("not this one")


ERRORS: list[Exception] = [FrozenError(["text"]), UntraceableError(), BoomError()]
if sys.version_info >= (3, 11):
    ERRORS.append(ExceptionGroup("two", [BoomError()]))  # noqa: F821 - of Python 3.11


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_exceptions_of_every_kind_go_there_and_back(
    error: Exception, unhandled: UnhandledErrors
) -> None:
    async def main() -> None:
        for early in (True, False):
            source: Deferred[Any] = Deferred()
            there = as_future(as_deferred(as_future(source))) if not early else None
            source.errback(Failure(error))
            with pytest.raises(type(error)) as raised:
                await (there or as_future(as_deferred(as_future(source))))
            assert raised.value is error

    run(main, unhandled)


def test_a_subclass_of_stop_iteration_does_not_pass_for_a_result(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="StopIteration") as raised:
            await as_future(failed(SubclassedStopError("value")))
        assert isinstance(raised.value.__cause__, SubclassedStopError)

    run(main, unhandled)


def from_afar() -> Failure:
    """A failure as Perspective Broker makes it from the network: its value is text."""
    try:
        raise_boom()
    except BoomError:
        sent = pb.CopyableFailure(Failure())
    sent.unsafeTracebacks = False
    arrived = pb.CopiedFailure.__new__(pb.CopiedFailure)
    arrived.setCopyableState(sent.getStateToCopy())
    return arrived


def test_a_failure_from_the_network_is_raised_as_a_remote_error(unhandled: UnhandledErrors) -> None:
    async def awaits(source: Deferred[Any]) -> None:
        await source

    async def main() -> None:
        for start in (lambda d: d, awaits):
            for early in (True, False):
                source: Deferred[Any] = Deferred()
                if early:
                    source.errback(from_afar())
                future = as_future(start(source))
                if not early:
                    asyncio.get_running_loop().call_soon(source.errback, from_afar())
                with pytest.raises(pb.RemoteError, match="from raise_boom"):
                    await future

    run(main, unhandled)


def test_a_result_that_is_a_deferred_is_waited_for(unhandled: UnhandledErrors) -> None:
    async def gives(inner: Deferred[str]) -> Deferred[str]:
        return inner

    async def main() -> None:
        inner: Deferred[str] = Deferred()
        results = outcome(as_deferred(gives(inner)))
        await turns()
        inner.callback("value")
        assert results == ["value"]

    run(main, unhandled)


# -- the Task -----------------------------------------------------------------------------------


async def waits_long() -> None:
    await asyncio.sleep(60)


def test_the_task_shows_the_coroutine(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        task: Any = as_future(waits_long(), name="by its name")
        await turns()
        printed = io.StringIO()
        task.print_stack(file=printed)
        assert "waits_long" in repr(task)
        assert task.get_coro().__name__ == waits_long.__name__
        assert "await asyncio.sleep(60)" in printed.getvalue()
        assert task.get_name() == "by its name"
        task.cancel()

    run(main, unhandled)


def test_the_task_runs_in_the_context_that_is_given(unhandled: UnhandledErrors) -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    async def reads() -> str:
        return variable.get()

    async def main() -> None:
        context = contextvars.copy_context()
        context.run(variable.set, "given")
        assert await as_future(reads(), context=context) == "given"

    run(main, unhandled)


def test_a_coroutine_cancelled_before_its_first_step_is_not_reported(
    unhandled: UnhandledErrors,
) -> None:
    async def main() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            as_future(waits_long()).cancel()
            outcome(deferred := as_deferred(waits_long()))
            deferred.cancel()
            await turns()

    run(main, unhandled)


def test_a_generator_that_may_be_awaited_is_run(unhandled: UnhandledErrors) -> None:
    @types.coroutine
    def generator() -> Generator[Any, Any, int]:
        yield from asyncio.sleep(0).__await__()
        return 42

    async def main() -> None:
        assert await as_future(generator()) == 42
        assert await as_future(as_deferred(generator())) == 42
        assert await as_future(as_deferred(generator(), eager=True)) == 42

    run(main, unhandled)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="it came with Python 3.12")
def test_a_factory_that_begins_tasks_at_once_changes_nothing(unhandled: UnhandledErrors) -> None:
    async def awaits(source: Deferred[str]) -> str:
        return await source

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined, unused-ignore]
        source: Deferred[str] = Deferred()
        future = as_future(awaits(source))
        source.callback("value")
        assert await future == "value"

    run(main, unhandled)


# -- eager --------------------------------------------------------------------------------------


async def echo(x: Any) -> Any:
    """Give the current task, or await ``x``."""
    return asyncio.current_task() if x is None else await x


def test_an_eager_coroutine_begins_at_once_as_a_task_of_its_own(unhandled: UnhandledErrors) -> None:
    async def main() -> None:
        mine = asyncio.current_task()
        (task,) = outcome(as_deferred(echo(None), eager=True))
        assert isinstance(task, asyncio.Task)
        assert task is not mine
        assert asyncio.current_task() is mine
        assert outcome(as_deferred(echo(defer.succeed(3)), eager=True)) == [3]
        source: Deferred[str] = Deferred()
        waiting = as_deferred(echo(source), eager=True)
        asyncio.get_running_loop().call_soon(source.callback, "value")
        assert await as_future(waiting) == "value"
        assert await as_future(as_deferred(echo(asyncio.sleep(0, 4)), eager=True)) == 4

    run(main, unhandled)


def test_an_eager_coroutine_begins_before_its_loop_runs(unhandled: UnhandledErrors) -> None:
    async def sleeps() -> str:
        begun.append(asyncio.current_task())
        return await asyncio.sleep(0.001, "value")

    begun: list[Any] = []
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        deferred = as_deferred(sleeps(), eager=True)
        assert begun[0].get_loop() is loop
        assert not loop.is_running()
        assert loop.run_until_complete(as_future(deferred, loop=loop)) == "value"
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@pytest.mark.parametrize("error", [BoomError(), SystemExit(3), KeyboardInterrupt()])
def test_what_an_eager_coroutine_raises_is_in_its_deferred(
    error: BaseException, unhandled: UnhandledErrors
) -> None:
    async def raises() -> None:
        raise error

    async def main() -> None:
        (failure,) = outcome(as_deferred(raises(), eager=True))
        assert failure.value is error

    run(main, unhandled)
