"""Runs single steps of a Task outside its loop's passes, for which asyncio has no public way.

CPython has ``eager_start`` since 3.12, but only for a loop that runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextvars import Context
from typing import Any

from triloop.private.cpython import running_loop, set_running_loop

__all__ = ["begin", "new_task", "step"]


def new_task() -> asyncio.Task[Any]:
    """Make a Task that :func:`begin` has to start."""
    return asyncio.Task.__new__(asyncio.Task)


def begin(
    task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]
) -> None:
    """Run ``coroutine`` as ``task`` of ``loop`` to its first wait, at once.

    The loop need not run yet, and another task may. KeyboardInterrupt and SystemExit end the task
    as any exception does, and are not raised here.
    """
    private: Any = task
    if sys.version_info >= (3, 12):
        with _running(loop):
            try:
                private.__init__(coroutine, loop=loop, eager_start=True)
            except (KeyboardInterrupt, SystemExit):
                if not task.done():
                    raise
        return
    first = _FirstStep(loop)
    private.__init__(coroutine, loop=first)
    # Initialised again, as a Future only, with its loop.
    asyncio.Future.__init__(task, loop=loop)
    assert first.context is not None
    step(loop, first.context, first.callback)


def step(
    loop: asyncio.AbstractEventLoop, context: Context, callback: Callable[..., object], *args: Any
) -> None:
    """Run one step of a Task at once: call what it has passed to a loop or a future.

    Raises:
        RuntimeError: ``context`` has been entered already. Nothing was done.
    """
    with _running(loop):
        suspended = asyncio.current_task(loop)
        if suspended is not None:
            asyncio.tasks._leave_task(loop, suspended)
        try:
            context.run(callback, *args)
        except (KeyboardInterrupt, SystemExit):
            pass  # the task has it
        finally:
            if suspended is not None:
                asyncio.tasks._enter_task(loop, suspended)


class _FirstStep:
    """Stands in for the loop, to which a new Task passes its first step."""

    context: Context | None = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def get_debug(self) -> bool:
        return self._loop.get_debug()

    def call_soon(self, callback: Callable[[], object], *, context: Context) -> None:
        self.callback = callback
        self.context = context


@contextlib.contextmanager
def _running(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Make ``loop`` the running loop, for the Task and all code that asks."""
    before = running_loop()
    if before is loop:
        yield
        return
    private: Any = loop
    set_running_loop(loop, begins=False)
    private.is_running = lambda: True
    try:
        yield
    finally:
        del private.is_running
        set_running_loop(before, begins=False)


def end_unreported(task: asyncio.Task[Any]) -> None:
    """Have nothing logged if ``task`` is deallocated before it has ended."""
    private: Any = task
    private._log_destroy_pending = False
