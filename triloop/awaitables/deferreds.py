"""Anything awaitable as a Deferred."""

from __future__ import annotations

import asyncio
import concurrent.futures

from twisted.internet.defer import Deferred

from triloop.awaitables.convertible import Convertible, T, check_convertible
from triloop.awaitables.future_deferred import FutureDeferred
from triloop.awaitables.futures import as_future
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
    if isinstance(x, asyncio.Future):
        loop = x.get_loop()
        if loop is not running_loop() and not x.done():
            usable_loop(loop)
        return FutureDeferred.of(x)
    if isinstance(x, Deferred):
        return x
    check_convertible("as_deferred", x)
    if not eager or isinstance(x, concurrent.futures.Future):
        future = as_future(x)
    else:
        future = begin_task(default_loop(), x)
    return FutureDeferred.of(future)
