"""Anything awaitable as a Deferred."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any

from twisted.internet.defer import Deferred

from triloop.awaitables.call_graph import Source
from triloop.awaitables.convertible import Convertible, T, check_convertible
from triloop.awaitables.futures import as_future
from triloop.awaitables.outcomes import as_raised_by_twisted
from triloop.awaitables.tasks import begin_task
from triloop.default_loop import default_loop, usable_loop
from triloop.private.cpython import running_loop

__all__ = ["as_deferred"]


def as_deferred(x: Convertible[T], *, eager: bool = False) -> Deferred[T]:
    """Convert ``x`` to a Deferred.

    Called in the loop's thread. ``asyncio.CancelledError`` becomes
    ``twisted.internet.defer.CancelledError`` with the same message. Cancelling the Deferred
    cancels ``x``, and the Deferred fires when ``x`` has ended, with whatever it ended with: a
    coroutine may clean up first, or refuse.

    Args:
        x: A Deferred, an asyncio or concurrent Future, or anything awaitable. A coroutine runs as
            a Task of the loop that `as_future` would choose, and may await Deferreds as well as
            Futures. A Deferred comes back as it is.
        eager: Whether a coroutine begins at once and runs to its first wait, as one of
            ``Deferred.fromCoroutine`` does, and not in the next pass of the loop.

    Returns:
        A Deferred with the result or the very exception of ``x``, fired already if ``x`` is an
        asyncio Future that is done, or has come to its end at once. A result that is a Deferred
        is waited for, as one that a callback returns.

    Raises:
        TypeError: ``x`` is none of these.
        RuntimeError: ``x`` needs a loop and none can be found; or its loop is closed or runs in
            another thread.
    """
    if isinstance(x, Deferred):
        return x
    if isinstance(x, asyncio.Future):
        loop = x.get_loop()
        if loop is not running_loop() and not x.done():
            usable_loop(loop)
        return Delivery(x).deferred()
    check_convertible("as_deferred", x)
    if not eager or isinstance(x, concurrent.futures.Future):
        return Delivery(as_future(x)).deferred()
    return Delivery(begin_task(default_loop(), x)).deferred()


class Delivery(Source):
    """Delivers one Future to a Deferred, which may be cancelled more than once meanwhile."""

    __slots__ = ("_waiting",)

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self.future = future
        self._waiting: Deferred[Any] | None = None

    def deferred(self) -> Deferred[Any]:
        """Make the Deferred; it has fired if the Future is done."""
        future = self.future
        deferred = self._wait()
        if future.done():
            self.done(future)
        else:
            future.add_done_callback(self.done)
        return deferred

    def _wait(self) -> Deferred[Any]:
        self._waiting = Deferred(self._cancel)
        return self._waiting.addCallback(self._ended)

    def done(self, future: asyncio.Future[Any]) -> None:
        """Fire the Deferred, unless it has been fired: the Future is done."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(True)

    def _cancel(self, deferred: Deferred[Any]) -> None:
        # Firing here keeps Deferred.cancel from firing CancelledError before the Future has ended:
        # a Task may take time to end, or refuse.
        deferred.callback(False)
        self.cancel_source()

    def cancel_source(self) -> None:
        """Cancel the Future; nothing changes if it is done."""
        self.future.cancel()

    def _ended(self, ended: bool) -> Any:
        """Give what the Future ended with, as a callback: so it may even be a Deferred."""
        if not ended:
            return self._wait()
        future = self.future
        if future.cancelled() or future.exception() is not None:
            return as_raised_by_twisted(future)
        return future.result()
