"""Programs of Twisted come to the same whether its driver runs them, or Tasks do."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
from collections.abc import Callable, Generator
from typing import Any

import pytest
from twisted.internet import defer, task
from twisted.internet.defer import Deferred, DeferredList, DeferredLock, inlineCallbacks
from twisted.python.failure import Failure

import triloop
from tests.interop.awaits.oracle import without_triloop

start = Deferred.fromCoroutine
Program = Callable[[], Any]


async def awaits(x: Any) -> Any:
    return await x


def told(deferred: Deferred[Any]) -> list[Any]:
    """What it fires with lands in the list, in words if it is a failure."""
    results: list[Any] = []

    def note(result: Any) -> None:
        failed = isinstance(result, Failure)
        results.append(f"{result.type}{result.value.args}" if failed else result)

    deferred.addBoth(note)
    return results


def a_canceller(last_word: Callable[[Deferred[Any]], None]) -> Any:
    driven = start(awaits(Deferred(last_word)))
    results = told(driven)
    driven.cancel()
    return results


def raises(_: Deferred[Any]) -> None:
    raise ValueError("canceller")


def a_timeout() -> Any:
    clock = task.Clock()
    results = told(start(awaits(Deferred())).addTimeout(1, clock))
    clock.advance(2)
    return results


def a_timeout_inside() -> Any:
    clock = task.Clock()

    async def waits() -> str:
        try:
            await Deferred[None]().addTimeout(1, clock)
        except defer.TimeoutError as error:
            return f"timeout {error.args}"
        return "no timeout"

    results = told(start(waits()))
    clock.advance(2)
    return results


def cancelled_again() -> Any:
    seen: list[int] = []

    async def refuses() -> list[int]:
        for number in range(3):
            with contextlib.suppress(defer.CancelledError):
                await Deferred()
            seen.append(number)
        return seen

    results = told(driven := start(refuses()))
    for _ in range(3):
        driven.cancel()
    return results


def a_generator_cancelled_again() -> Any:
    seen: list[int] = []

    @inlineCallbacks
    def refuses() -> Generator[Deferred[None], Any, list[int]]:
        for number in range(3):
            with contextlib.suppress(defer.CancelledError):
                yield Deferred()
            seen.append(number)
        return seen

    results = told(driven := refuses())
    for _ in range(3):
        driven.cancel()
    return results


def cleaning_up() -> Any:
    events: list[str] = []
    cleaned: Deferred[None] = Deferred()

    async def waits() -> None:
        try:
            await Deferred()
        finally:
            events.append("cleans up")
            await cleaned
            events.append("has cleaned up")

    results = told(driven := start(waits()))
    driven.cancel()
    before = [*results, *events]
    cleaned.callback(None)
    return before, results, events


def a_list() -> Any:
    first, second = Deferred[int](), Deferred[int]()
    parts = [start(awaits(first)), start(awaits(second))]
    results: list[Any] = []
    start(awaits(DeferredList(parts, consumeErrors=True))).addCallback(results.extend)
    second.errback(ValueError("second"))
    first.callback(1)
    return [(ok, value if ok else repr(value.value)) for ok, value in results]


def a_lock() -> Any:
    lock, order = DeferredLock(), list[int]()
    pauses = [Deferred[None]() for _ in range(3)]

    async def holds(number: int) -> None:
        async with lock:
            order.append(number)
            await pauses[number]
            order.append(-number)

    driven = [start(holds(number)) for number in range(3)]
    results = [told(one) for one in driven]
    driven[1].cancel()
    pauses[0].callback(None)
    pauses[2].callback(None)
    return order, results


def one_wakes_the_other() -> Any:
    first, second = Deferred[None](), Deferred[None]()
    order: list[str] = []

    async def fires() -> None:
        await first
        order.append("fires")
        second.callback(None)
        order.append("has fired")

    async def waits() -> None:
        await second
        order.append("goes on")

    results = [told(start(fires())), told(start(waits()))]
    first.callback(None)
    return order, results


def a_chain() -> Any:
    outer, inner = Deferred[int](), Deferred[int]()
    outer.addCallback(lambda _: inner)
    results = told(start(awaits(outer)))
    outer.callback(1)
    before = list(results)
    inner.callback(2)
    return before, results


def contexts() -> Any:
    variable = contextvars.ContextVar("variable", default=0)
    first, second = Deferred[None](), Deferred[None]()
    seen: list[int] = []

    async def reads() -> None:
        variable.set(1)
        await first
        seen.append(variable.get())
        variable.set(2)
        await second
        seen.append(variable.get())

    def run() -> None:
        start(reads())
        variable.set(50)
        first.callback(None)
        second.callback(None)
        seen.append(variable.get())

    contextvars.copy_context().run(run)
    return seen


def a_forgotten_one() -> Any:
    seen: list[str] = []

    async def waits() -> None:
        try:
            await Deferred()
        except GeneratorExit:
            seen.append("closed")
            raise

    start(waits())
    gc.collect()
    return seen


def a_stop_iteration() -> Any:
    source: Deferred[None] = Deferred()
    results = told(start(awaits(source)))
    source.errback(StopIteration(3))
    return results


def too_late() -> Any:
    source: Deferred[int] = Deferred()
    results = told(driven := start(awaits(source)))
    driven.cancel()
    source.callback(1)  # one that was cancelled may be fired once more
    return results


PROGRAMS: list[Program] = [
    a_timeout,
    a_timeout_inside,
    cancelled_again,
    a_generator_cancelled_again,
    cleaning_up,
    a_list,
    a_lock,
    one_wakes_the_other,
    a_chain,
    contexts,
    a_forgotten_one,
    a_stop_iteration,
    too_late,
]
LAST_WORDS: dict[str, Callable[[Deferred[Any]], None]] = {
    "raises": raises,
    "a result": lambda deferred: deferred.callback("result"),
    "an error": lambda deferred: deferred.errback(ValueError("error")),
    "nothing": lambda deferred: None,
}


async def both(program: Program) -> tuple[Any, Any]:
    with without_triloop():
        native = program()
    with triloop.await_anything():
        return native, program()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_comes_to_the_same(program: Program) -> None:
    native, ours = asyncio.run(both(program))
    assert ours == native


@pytest.mark.parametrize("last_word", LAST_WORDS.values(), ids=LAST_WORDS.keys())
def test_cancellers_have_the_same_last_word(last_word: Callable[[Deferred[Any]], None]) -> None:
    native, ours = asyncio.run(both(lambda: a_canceller(last_word)))
    assert ours == native
    assert ours
