"""An await of anything, whichever library drives the coroutine."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, Generic

from triloop.awaitables.convertible import Convertible, T, check_convertible
from triloop.awaitables.futures import as_future
from triloop.awaitables.tasks import current_driver
from triloop.awaitables.waiter import await_deferred, await_future
from triloop.private.cpython import running_loop
from triloop.private.deferreds import DEFERRED_CLASSES

__all__ = ["wait"]


def wait(x: Convertible[T]) -> Coroutine[Any, Any, T]:
    """Make a coroutine of ``x`` that every driver of coroutines takes.

    A Task of asyncio may await it or be made of it, a Tornado coroutine may await or yield it,
    ``Deferred.fromCoroutine``, ``ensureDeferred`` and ``inlineCallbacks`` may run it. It belongs to
    the loop's thread.

    Whatever library ``x`` is of, cancellation is raised as the ``CancelledError`` of the library
    that drives the coroutine, with the same message. Cancelling the coroutine cancels ``x``, and
    it goes on when that has ended.

    Args:
        x: A Deferred, an asyncio or concurrent Future, or anything awaitable. A coroutine runs
            as a Task, which begins when it is awaited.

    Returns:
        A coroutine that gives the result of ``x`` or raises its very exception.

    Raises:
        TypeError: ``x`` is none of these.
    """
    if type(x) not in DEFERRED_CLASSES:
        check_convertible("wait", x)
    return _wait(x)


async def _wait(x: Any) -> Any:
    loop = running_loop()
    if type(x) in DEFERRED_CLASSES:
        return await _Steps(await_deferred(x, loop, current_driver(loop), translate=True))
    return await _Steps(await_future(as_future(x), loop, current_driver(loop)))


# What asyncio and Python show of a coroutine is this name: of a Task, and if it is never awaited.
_wait.__name__ = _wait.__qualname__ = wait.__name__


class _Steps(Generic[T]):
    """A generator that is to be awaited."""

    __slots__ = ("_steps",)

    def __init__(self, steps: Generator[Any, Any, T]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, T]:
        return self._steps
