"""Tasks that may await Deferreds."""

from __future__ import annotations

import asyncio
import inspect
import sys
import weakref
from collections.abc import Awaitable, Coroutine
from contextvars import Context
from typing import Any

from triloop.awaitables.convertible import T
from triloop.private.tasks import begin, new_task

__all__ = ["awaits_deferreds", "begin_task", "create_task"]

#: The tasks whose coroutines may await Deferreds.
_tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
#: How many of them are being made: a task factory may have one begin at once.
_being_made = 0


def create_task(
    loop: asyncio.AbstractEventLoop,
    awaitable: Awaitable[T],
    name: str | None = None,
    context: Context | None = None,
) -> asyncio.Task[T]:
    """Run ``awaitable`` as a Task of ``loop`` that may await Deferreds."""
    coroutine = _coroutine(awaitable)
    options: dict[str, Any] = {} if name is None else {"name": name}
    if context is not None and sys.version_info >= (3, 11):
        options["context"] = context
    global _being_made  # noqa: PLW0603
    _being_made += 1
    try:
        if context is not None and sys.version_info < (3, 11):
            task = context.run(lambda: loop.create_task(coroutine, **options))
        else:
            task = loop.create_task(coroutine, **options)
    finally:
        _being_made -= 1
    _tasks.add(task)
    return task


def begin_task(loop: asyncio.AbstractEventLoop, awaitable: Awaitable[T]) -> asyncio.Task[T]:
    """Run ``awaitable`` to its first wait, at once, as a Task that may await Deferreds."""
    task: asyncio.Task[T] = new_task()
    _tasks.add(task)
    begin(task, loop, _coroutine(awaitable))
    return task


def awaits_deferreds(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the current task of ``loop``, which runs, may await Deferreds."""
    return _being_made > 0 or asyncio.current_task(loop) in _tasks


def _coroutine(awaitable: Awaitable[T]) -> Coroutine[Any, Any, T]:
    return awaitable if inspect.iscoroutine(awaitable) else _awaited(awaitable)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
