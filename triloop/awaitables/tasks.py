"""Tasks that may await Deferreds."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
import weakref
from collections.abc import Awaitable, Coroutine
from contextvars import Context
from typing import Any, cast

from triloop.awaitables.convertible import T
from triloop.awaitables.waiter import Driver
from triloop.private.tasks import begin, new_task

__all__ = ["begin_task", "create_task", "current_driver", "may_await_deferreds"]

#: The tasks whose coroutines may await Deferreds, each with what drives it if it is not the loop.
#: The driver is alive as long as something may go on with the task.
_tasks: weakref.WeakKeyDictionary[asyncio.Task[Any], weakref.ref[Driver] | None]
_tasks = weakref.WeakKeyDictionary()


class _Making(threading.local):
    """How many of them this thread is making: a task factory may have one begin at once."""

    count = 0


_making = _Making()


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
    _making.count += 1
    try:
        if context is not None and sys.version_info < (3, 11):
            task = context.run(lambda: loop.create_task(coroutine, **options))
        else:
            task = loop.create_task(coroutine, **options)
    finally:
        _making.count -= 1
    _tasks[task] = None
    return task


def begin_task(
    loop: asyncio.AbstractEventLoop, awaitable: Awaitable[T], driver: Driver | None = None
) -> asyncio.Task[T]:
    """Run ``awaitable`` to its first wait, at once, as a Task that may await Deferreds.

    KeyboardInterrupt and SystemExit end the Task as any exception does.
    """
    task: asyncio.Task[T] = new_task()
    _tasks[task] = None if driver is None else weakref.ref(driver)
    begin(task, loop, _coroutine(awaitable))
    return task


def may_await_deferreds(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the current task of ``loop``, which runs, may await Deferreds."""
    return _making.count > 0 or asyncio.current_task(loop) in _tasks


def current_driver(loop: asyncio.AbstractEventLoop | None) -> Driver | None:
    """The driver of the current task of ``loop``, which runs, if that is not the loop itself."""
    task = None if loop is None else asyncio.current_task(loop)
    driver = None if task is None else _tasks.get(task)
    return None if driver is None else driver()


def _coroutine(awaitable: Awaitable[T]) -> Coroutine[Any, Any, T]:
    is_one = inspect.iscoroutine(awaitable) or isinstance(awaitable, Coroutine)
    return cast("Coroutine[Any, Any, T]", awaitable) if is_one else _awaited(awaitable)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
