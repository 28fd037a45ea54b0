"""Which objects can be awaited, and the error for all others."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import Awaitable
from typing import TypeVar, Union

from twisted.internet.defer import Deferred

__all__ = ["Convertible", "T", "check_convertible"]

T = TypeVar("T")

#: What can be converted and awaited: a Deferred, an asyncio or concurrent Future, an awaitable.
Convertible = Union[Deferred[T], "asyncio.Future[T]", "concurrent.futures.Future[T]", Awaitable[T]]


def check_convertible(function: str, x: object) -> None:
    """Refuse what is not :data:`Convertible`.

    Raises:
        TypeError: It is not; the message names the mistake and what to do.
    """
    if not isinstance(x, concurrent.futures.Future) and not inspect.isawaitable(x):
        raise TypeError(_wrong_type(function, x))


def _wrong_type(function: str, x: object) -> str:
    wanted = f"{function} needs a Deferred, a Future or something awaitable; got {x!r}"
    if inspect.iscoroutinefunction(x) or inspect.isgeneratorfunction(x):
        return f"{wanted}: call it, and pass what it returns"
    if inspect.isgenerator(x):
        return f"{wanted}: decorate its function with inlineCallbacks or gen.coroutine"
    return f"{wanted}: pass such an object, or use succeed() or a coroutine to make one of a value"
