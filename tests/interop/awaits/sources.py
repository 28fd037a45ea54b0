"""Every kind of awaitable, around a Deferred or Future that a test completes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import types
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any

from tornado import gen
from twisted.internet import defer
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.python.failure import Failure

__all__ = ["CANCELLED", "SOURCES", "Inner", "Source"]


class Inner:
    """The thing in the middle: a Deferred, or a Future of asyncio or of a thread."""

    def __init__(self, kind: str) -> None:
        self.was_asked_to_cancel = False
        self.thing: Any = self._make(kind)

    def _make(self, kind: str) -> Any:
        if kind == "twisted":
            return Deferred(self._note_cancel)
        if kind == "asyncio":
            return asyncio.get_running_loop().create_future()
        return concurrent.futures.Future()

    def _note_cancel(self, deferred: Deferred[Any]) -> None:
        self.was_asked_to_cancel = True

    def fire(self, value: Any) -> None:
        """Give it a result."""
        if isinstance(self.thing, Deferred):
            self.thing.callback(value)
        else:
            self.thing.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Have it fail."""
        if isinstance(self.thing, Deferred):
            self.thing.errback(Failure(error))
        else:
            self.thing.set_exception(error)

    def cancel(self) -> None:
        """Cancel it, as other code may."""
        self.thing.cancel()

    def was_cancelled(self) -> bool:
        """Whether it was."""
        if isinstance(self.thing, Deferred):
            return self.was_asked_to_cancel
        return bool(self.thing.cancelled())


async def coroutine(x: Any) -> Any:
    """Await ``x``."""
    return await x


async def tornado_coroutine(x: Any) -> Any:
    """Await ``x`` by Tornado."""
    return await gen.convert_yielded(x)


@gen.coroutine
def tornado_generator(x: Any) -> Generator[Any, Any, Any]:
    """Yield ``x``."""
    return (yield x)


@inlineCallbacks
def twisted_generator(x: Any) -> Generator[Any, Any, Any]:
    """Yield ``x``."""
    return (yield x)


@types.coroutine
def old_coroutine(x: Any) -> Generator[Any, Any, Any]:
    """Await ``x``, as before there was an ``await``."""
    return (yield from x.__await__())


def step(x: Any) -> Any:
    """The first step of an asynchronous generator that awaits ``x``."""

    async def steps() -> AsyncGenerator[Any, None]:
        yield await x

    return steps().__anext__()


class Awaits:
    """An awaitable of an application."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __await__(self) -> Generator[Any, Any, Any]:
        result = yield from self.x.__await__()
        return result


def itself(x: Any) -> Any:
    """Nothing around it."""
    return x


@dataclass(frozen=True)
class Source:
    """One kind of awaitable: what is in the middle, and what is around that."""

    inner: str
    around: Callable[[Any], Any]

    @property
    def is_deferred(self) -> bool:
        """Whether it is one."""
        return self.around is twisted_generator or (
            self.inner == "twisted" and self.around in {itself, Deferred.fromCoroutine}
        )


def task(x: Any) -> asyncio.Task[Any]:
    """A Task that awaits ``x``."""
    return asyncio.ensure_future(coroutine(x))


def eager_task(x: Any) -> asyncio.Task[Any]:
    """A Task that awaits ``x``, and begins at once: from Python 3.12 on."""
    options: dict[str, Any] = {"loop": asyncio.get_running_loop(), "eager_start": True}
    return asyncio.Task(x if isinstance(x, Coroutine) else coroutine(x), **options)


def twisted_task(x: Any) -> Deferred[Any]:
    """What Twisted has in its place."""
    return Deferred.fromCoroutine(coroutine(x))


SOURCES: dict[str, Source] = {
    "Deferred": Source("twisted", itself),
    "inlineCallbacks": Source("twisted", twisted_generator),
    "coroutine of Deferreds": Source("twisted", coroutine),
    "Future": Source("asyncio", itself),
    "Task": Source("asyncio", task),
    "coroutine": Source("asyncio", coroutine),
    "Tornado coroutine": Source("asyncio", tornado_coroutine),
    "gen.coroutine": Source("asyncio", tornado_generator),
    "types.coroutine": Source("asyncio", old_coroutine),
    "custom awaitable": Source("asyncio", Awaits),
    "generator's step": Source("asyncio", step),
    "concurrent Future": Source("concurrent", itself),
}

#: The errors of a cancellation, by the name of the library.
CANCELLED: dict[str, type[BaseException]] = {
    "asyncio": asyncio.CancelledError,
    "twisted": defer.CancelledError,
}
