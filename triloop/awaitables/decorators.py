"""Functions of one world for callers of the other."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from typing_extensions import ParamSpec

from triloop.awaitables.deferreds import as_deferred
from triloop.awaitables.futures import as_future

__all__ = ["returns_deferred", "returns_future"]

P = ParamSpec("P")
T = TypeVar("T")


def returns_deferred(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Deferred[T]]:
    """Have an ``async def`` return a Deferred: for functions that Twisted calls without ``await``.

    ::

        @app.route("/")
        @triloop.returns_deferred
        async def home(request):
            await asyncio.sleep(1)
            return "hello"

    Args:
        function: A function that returns a coroutine. The coroutine runs as a Task, which begins at
            once, and may await Deferreds as well as Futures; see `as_deferred`.

    Returns:
        A function that returns a Deferred, to be called in the loop's thread.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        return as_deferred(function(*args, **kwargs), eager=True)

    return call


def returns_future(function: Callable[P, Deferred[T]]) -> Callable[P, asyncio.Future[T]]:
    """Have a function that returns a Deferred return a Future: for what asyncio or Tornado calls.

    Args:
        function: A function that returns a Deferred, such as one of ``inlineCallbacks``.

    Returns:
        A function that returns a Future, as `as_future` does; to be called in the loop's thread.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        return as_future(function(*args, **kwargs))

    return call
