"""asyncio's call graph goes on behind Deferreds."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks, succeed

from tests.unit.awaitables.harness import UnhandledErrors, run, turns
from triloop.awaitables import as_deferred, as_future, await_anything, wait

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 14), reason="call graphs came with Python 3.14"
)


@inlineCallbacks
def yields(x: Any) -> Generator[Any, Any, Any]:
    return (yield x)


async def awaits(x: Any) -> Any:
    return await x


#: What stands between a Deferred of a Task and the one that waits.
BETWEEN: dict[str, Callable[[Deferred[Any]], Deferred[Any]]] = {
    "nothing": lambda x: x,
    "inlineCallbacks": yields,
    "fromCoroutine": lambda x: Deferred.fromCoroutine(awaits(x)),
    "DeferredList": lambda x: DeferredList([Deferred(), x], fireOnOneCallback=True),
    "a callback": lambda x: succeed(None).addCallback(lambda _: x),
    "a Future": lambda x: as_deferred(as_future(x)),
    "fromFuture": lambda x: Deferred.fromFuture(as_future(x)),
}
WAYS: dict[str, Callable[[Any], Any]] = {"wait": wait, "as_future": as_future}


def awaiters(task: asyncio.Task[Any]) -> set[Any]:
    """The tasks that await ``task``, directly or not."""
    capture: Any = asyncio.capture_call_graph  # type: ignore[attr-defined, unused-ignore]
    found, to_see = set(), [capture(task)]
    while to_see:
        one = to_see.pop()
        found.add(one.future)
        to_see += one.awaited_by
    return found - {task}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN.keys())
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_the_task_that_waits_is_shown(
    way: Callable[[Any], Any],
    between: Callable[[Deferred[Any]], Deferred[Any]],
    unhandled: UnhandledErrors,
) -> None:
    inner: list[Any] = []

    async def inmost(source: Deferred[None]) -> None:
        inner.append(asyncio.current_task())
        await source

    async def waits(source: Deferred[None]) -> None:
        await way(between(as_deferred(inmost(source))))

    async def main() -> None:
        source: Deferred[None] = Deferred()
        outer = asyncio.ensure_future(waits(source))
        await turns()
        assert outer in awaiters(inner[0])
        source.callback(None)
        await outer
        assert not awaiters(inner[0])

    run(main, unhandled)


@pytest.mark.parametrize("start", [as_deferred, Deferred.fromCoroutine])
def test_it_is_shown_for_a_plain_await(
    start: Callable[[Any], Deferred[Any]], unhandled: UnhandledErrors
) -> None:
    inner: list[Any] = []

    async def inmost(source: Deferred[None]) -> None:
        inner.append(asyncio.current_task())
        await source

    async def main() -> None:
        source: Deferred[None] = Deferred()
        with await_anything():
            outer = asyncio.ensure_future(awaits(start(inmost(source))))
            await turns()
            assert awaiters(inner[0]) == {outer}
            source.callback(None)
            await outer
        assert not awaiters(inner[0])

    run(main, unhandled)
