"""Between ``reactor.stop()`` and the reactor's shutdown: the end of what asyncio has in its loop.

Twisted's shutdown ends the run of the loop. Tasks would be left in the middle of their work, so
they are cancelled and awaited first, then generators and the executor end, and only then come
Twisted's shutdown triggers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from triloop.private.cpython import has_work, is_reopenable, reopen
from triloop.private.twisted import unreported_cancellations
from triloop.states import Event

__all__ = ["Winding", "end_tasks", "shutdown_event"]


class Winding:
    """The action ``WIND_DOWN`` of a reactor's lifecycle, and how it is broken off.

    Args:
        over: Called once all has ended, or is not waited for any more.
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
            loop: A loop that runs; None where there is none, or where it goes on.

        Returns:
            Whether there is anything to wait for.
        """
        if loop is None or not has_work(loop):
            return False
        self._task = loop.create_task(self._wind_down(loop))
        self._task.add_done_callback(self._done)
        return True

    async def _wind_down(self, loop: asyncio.AbstractEventLoop) -> None:
        await end_tasks(loop)
        if self._restartable and not is_reopenable(loop):
            return  # the rest would be missing in the next run
        await loop.shutdown_asyncgens()
        if not self._at_exit:
            await loop.shutdown_default_executor()
        reopen(loop)

    def _done(self, task: asyncio.Task[None]) -> None:
        # It is cancelled where the loop's owner brings that to its end, and sees to the rest.
        if task is self._task and not task.cancelled() and not self._at_exit:
            self.hurry()

    def hurry(self) -> None:
        """Wait no longer."""
        self.forget()
        self._over()

    def forget(self) -> None:
        """There is nothing to wait for any more. Idempotent."""
        self._task = None

    def at_exit(self) -> asyncio.Task[None] | None:
        """Leave the shutdown to the end of the process, and all that would take a thread.

        Returns:
            What is still to be waited for, in a loop whose run was ended in the middle of it.
        """
        self._at_exit = True
        return self._task


def shutdown_event(reactor: Any) -> Event:
    """What it means that the shutdown of ``reactor`` is fired: its main loop does it, or a caller.

    Twisted's main loop forgets that ``stop()`` was called just now, and then fires it.
    """
    stopped = reactor._stopped and reactor._started and not reactor._justStopped
    return Event.PASSED if stopped else Event.SHUT_DOWN


async def end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel all other tasks, wait for them, and report what they raised instead of ending.

    A Deferred of such a task fails too. That it was cancelled is reported by nobody.
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
