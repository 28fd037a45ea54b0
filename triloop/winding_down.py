"""The end of what asyncio has in a loop: its tasks, asynchronous generators, default executor.

What a program wants to see through it says where its tasks are cancelled: they are waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["Step", "end_tasks", "steps", "wind_down"]

Step = Callable[[], Coroutine[Any, Any, None]]


def steps(loop: asyncio.AbstractEventLoop) -> tuple[Step, ...]:
    """What there is to do, in the order in which it is done: each makes a coroutine."""
    return lambda: end_tasks(loop), loop.shutdown_asyncgens, loop.shutdown_default_executor


async def wind_down(loop: asyncio.AbstractEventLoop) -> None:
    """End all of it in the running ``loop``, but for the task that this runs in."""
    for step in steps(loop):
        await step()


async def end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel all other tasks, wait for them, and report what they raised instead of ending."""
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and task.exception() is not None:
            loop.call_exception_handler(
                {
                    "message": "unhandled exception while the loop was brought to its end",
                    "exception": task.exception(),
                    "task": task,
                }
            )
