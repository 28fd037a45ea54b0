"""Between ``reactor.stop()`` and the reactor's shutdown: the end of what asyncio has in its loop.

Twisted's shutdown ends the run of the loop. Tasks that are under way would be left where they are,
so they end first, with what they have in hand; and only then come Twisted's shutdown triggers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from triloop.private.cpython import has_work, is_reopenable, reopen
from triloop.private.twisted import unreported_cancellations

__all__ = ["OrderlyStop", "end_tasks"]


class OrderlyStop:
    """Stands in for a reactor's ``fireSystemEvent``, and has the shutdown after a stop wait.

    An explicit ``fireSystemEvent("shutdown")`` does not wait: it is for cleaning up at once.

    :param reactor: the reactor.
    :param fire: its own ``fireSystemEvent``.
    :param loop_to_end: gives the loop that ends with the reactor's run; None where there is none,
        or where it goes on.
    :param restartable: whether the reactor, and so the loop, may be run again.

    All methods belong to the reactor's thread.
    """

    def __init__(
        self,
        reactor: Any,
        fire: Callable[[str], object],
        loop_to_end: Callable[[], asyncio.AbstractEventLoop | None],
        *,
        restartable: bool = False,
    ) -> None:
        self._reactor = reactor
        self._fire = fire
        self._loop_to_end = loop_to_end
        self._restartable = restartable
        self._winding: asyncio.Task[None] | None = None
        self._in_a_hurry = False
        self._at_exit = False

    @property
    def under_way(self) -> bool:
        """Whether the reactor was told to stop, and its shutdown waits."""
        return self._winding is not None

    def fire(self, event: str) -> None:
        """Fire an event; or have it wait, if it is the shutdown that ``stop()`` has asked for."""
        if event == "shutdown":
            if self._is_due_to_stop() and self._begin():
                return
            self.forget()
        self._fire(event)

    def _is_due_to_stop(self) -> bool:
        """Whether this is the reactor's main loop, which has seen the stop just now."""
        reactor = self._reactor
        stopping = reactor._stopped and reactor._started and not reactor._justStopped
        return stopping and not self.under_way

    def _begin(self) -> bool:
        loop = self._loop_to_end()
        if loop is None or self._in_a_hurry or not has_work(loop):
            return False
        self._winding = loop.create_task(self._wind_down(loop))
        self._winding.add_done_callback(self._wound_down)
        self._reactor.stop = self.hurry
        return True

    async def _wind_down(self, loop: asyncio.AbstractEventLoop) -> None:
        await end_tasks(loop)
        if self._restartable and not is_reopenable(loop):
            return  # the rest would be missing in the next run
        await loop.shutdown_asyncgens()
        if not self._at_exit:
            await loop.shutdown_default_executor()
        reopen(loop)

    def _wound_down(self, winding: asyncio.Task[None]) -> None:
        # It is cancelled where somebody else brings the loop to its end: he goes on.
        if winding is self._winding and not winding.cancelled() and not self._at_exit:
            self.hurry()

    async def waited_at_exit(self) -> None:
        """Wait as the shutdown does, for a loop whose run was ended in the middle of that.

        Of the executor, whose end would take a thread, the interpreter sees to itself; and the
        shutdown is up to the caller then.
        """
        self._at_exit = True
        if self._winding is not None:
            await asyncio.wait([self._winding])

    def hurry(self) -> None:
        """Have the shutdown wait no longer, or not at all: a second ``stop()``, another Ctrl-C."""
        waited = self.under_way
        self.forget()
        if waited:
            self._reactor.callLater(0, self._fire, "shutdown")
        else:
            self._in_a_hurry = True

    def forget(self) -> None:
        """There is nothing to wait for any more, or nobody who does. Idempotent."""
        self._in_a_hurry = False
        self._winding = None
        if vars(self._reactor).get("stop") == self.hurry:
            del self._reactor.stop


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
