"""The drivers of coroutines and generators in each library, and the ways to await in them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from tornado import gen
from twisted.internet.defer import Deferred, ensureDeferred, inlineCallbacks

import triloop
from tests.interop.awaits.sources import coroutine, itself

__all__ = ["DRIVERS", "MEANS", "Driver", "Mean"]

Note = Callable[[Any], None]


async def awaits(x: Any, begun: Note, seen: Note) -> Any:
    """Await ``x``; return what is seen there."""
    begun(True)
    try:
        result = await x
    except BaseException as error:
        seen(error)
        raise
    seen(result)
    return result


def yields(x: Any, begun: Note, seen: Note) -> Generator[Any, Any, Any]:
    """Yield ``x``; return what is seen there."""
    begun(True)
    try:
        result = yield x
    except GeneratorExit:
        raise
    except BaseException as error:
        seen(error)
        raise
    seen(result)
    return result


def eager(x: Any, begun: Note, seen: Note) -> asyncio.Task[Any]:
    """Await ``x`` in a Task that begins at once."""
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {"loop": loop, "eager_start": True}
    return asyncio.Task(awaits(x, begun, seen), **options)


@dataclass(frozen=True)
class Driver:
    """Runs a body in which ``x`` is awaited."""

    library: str
    start: Callable[[Any, Note, Note], Any]
    yields: bool = False


DRIVERS: dict[str, Driver] = {
    "Task": Driver("asyncio", lambda *args: asyncio.ensure_future(awaits(*args))),
    "Tornado coroutine": Driver("asyncio", lambda *args: gen.convert_yielded(awaits(*args))),
    "gen.coroutine": Driver("asyncio", gen.coroutine(yields), yields=True),
    "fromCoroutine": Driver("twisted", lambda *args: Deferred.fromCoroutine(awaits(*args))),
    "ensureDeferred": Driver("twisted", lambda *args: ensureDeferred(awaits(*args))),
    "inlineCallbacks": Driver("twisted", inlineCallbacks(yields), yields=True),
}
if sys.version_info >= (3, 12):
    DRIVERS["eager Task"] = Driver("asyncio", eager)


@dataclass(frozen=True)
class Mean:
    """A way to await ``x``: with a function of triloop, or with none and the switch."""

    convert: Callable[[Any], Any]
    #: The library whose awaitable it gives; None if it is that of ``x``, or suits every driver.
    gives: str | None = None


def awaitable(x: Any) -> Any:
    """Something for an ``await`` of asyncio's."""
    return asyncio.wrap_future(x) if isinstance(x, concurrent.futures.Future) else x


returning_deferred = triloop.returns_deferred(coroutine)

MEANS: dict[str, Mean] = {
    "plain": Mean(itself),
    "wait": Mean(triloop.wait),
    "as_future": Mean(triloop.as_future, "asyncio"),
    "as_deferred": Mean(triloop.as_deferred, "twisted"),
    "as_deferred, eager": Mean(lambda x: triloop.as_deferred(x, eager=True), "twisted"),
    "returns_deferred": Mean(
        lambda x: triloop.returns_deferred(coroutine)(awaitable(x)), "twisted"
    ),
    "returns_future": Mean(triloop.returns_future(itself), "asyncio"),
}
