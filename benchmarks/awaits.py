"""What one await costs: natively, by triloop's functions and by those of Twisted.

In each step something is made that a callback of the loop's next pass fires, and it is awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred

import triloop

__all__ = ["ANYTHING", "AWAITS"]

Loop = asyncio.AbstractEventLoop


def _future(loop: Loop) -> asyncio.Future[int]:
    future: asyncio.Future[int] = loop.create_future()
    loop.call_soon(future.set_result, 1)
    return future


def _deferred(loop: Loop) -> Deferred[int]:
    deferred: Deferred[int] = Deferred()
    loop.call_soon(deferred.callback, 1)
    return deferred


async def _await_deferred(loop: Loop) -> int:
    return await _deferred(loop)


def _coroutine(loop: Loop) -> Awaitable[int]:
    return triloop.wait(Deferred.fromCoroutine(_await_deferred(loop)))


#: The jobs for which await_anything() has to be on.
ANYTHING = {"await-deferred", "await-coroutine-task"}

AWAITS: dict[str, Callable[[Loop], Awaitable[Any]]] = {
    "await-future": _future,
    "await-asFuture": lambda loop: _deferred(loop).asFuture(loop),
    "await-as_future": lambda loop: triloop.as_future(_deferred(loop)),
    "await-wait": lambda loop: triloop.wait(_deferred(loop)),
    "await-deferred": _deferred,
    "await-coroutine": _coroutine,
    "await-coroutine-task": _coroutine,
    "await-fromFuture": lambda loop: triloop.wait(Deferred.fromFuture(_future(loop))),
    "await-as_deferred": lambda loop: triloop.wait(triloop.as_deferred(_future(loop))),
}
