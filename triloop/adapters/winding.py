"""Ends asyncio's work in a loop, between ``reactor.stop()`` and the reactor's shutdown.

Twisted's shutdown ends the run of the loop, and would leave tasks in the middle of their work. So
tasks are cancelled and awaited first; then the generators and the executor are shut down; Twisted's
shutdown triggers come last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from triloop.private.cpython import has_work, is_reopenable, reopen
from triloop.private.reactors import is_passing_stop
from triloop.private.twisted import unreported_cancellations
from triloop.states import Event

__all__ = ["Winding", "end_tasks", "shutdown_event"]


class Winding:
    """The action ``WIND_DOWN`` of a reactor's lifecycle, and how it is cut short.

    Args:
        over: Called when all work has ended, or is not waited for any more.
        restartable: Whether the reactor, and so the loop, may be run again.

    All methods belong to the reactor's thread.
    """

    def __init__(self, over: Callable[[], object], *, restartable: bool = False) -> None:
        self._over = over
        self._restartable = restartable
        self._task: asyncio.Task[None] | None = None
        self._at_exit = False

    def begin(self, loop: asyncio.AbstractEventLoop | None) -> bool:
        """End what asyncio has in ``loop``.

        Args:
            loop: A loop that runs; None if there is none, or if it runs on after the reactor.

        Returns:
            Whether there is anything to wait for.
        """
        if loop is None or not has_work(loop):
            return False
        # Not by the loop's task factory: an eager one starts tasks in the running loop only.
        self._task = asyncio.Task(self._wind_down(loop), loop=loop)
        self._task.add_done_callback(self._done)
        return True

    async def _wind_down(self, loop: asyncio.AbstractEventLoop) -> None:
        await end_tasks(loop)
        if self._restartable and not is_reopenable(loop):
            return  # the generators and the executor are needed in the next run
        await loop.shutdown_asyncgens()
        if not self._at_exit:
            await loop.shutdown_default_executor()
        reopen(loop)

    def _done(self, task: asyncio.Task[None]) -> None:
        # The loop's owner cancels it if it ends the loop, and then takes the other steps itself.
        if task is self._task and not task.cancelled() and not self._at_exit:
            self.cut_short()

    def cut_short(self) -> None:
        """Stop waiting, and report the end."""
        self.clear()
        self._over()

    def clear(self) -> None:
        """Stop waiting, without a report. Idempotent."""
        self._task = None

    def at_exit(self) -> asyncio.Task[None] | None:
        """Leave the executor and Twisted's shutdown to the end of the process.

        Returns:
            The task that winds the loop down, if the run has ended before the task.
        """
        self._at_exit = True
        return self._task


def shutdown_event(reactor: Any) -> Event:
    """The event for a shutdown of ``reactor``: fired by its main loop, or by a caller.

    Twisted's main loop clears the flag of a ``stop()`` before it fires the shutdown.
    """
    return Event.PASSED if is_passing_stop(reactor) else Event.SHUT_DOWN


async def end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel all other tasks, wait for them, and report the exceptions that they raise instead.

    A Deferred of such a task fails too. Its cancellation is not reported.
    """
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    with unreported_cancellations():
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
