"""Anything awaitable as an asyncio Future."""

from __future__ import annotations

import asyncio
import concurrent.futures

# Names of this module, for as_future is to cost no more than Twisted's own.
from asyncio import get_running_loop
from collections.abc import Callable
from contextvars import Context
from sys import modules
from threading import get_ident
from types import MethodType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python import threadable
from twisted.python.failure import Failure

from triloop.awaitables import call_graph
from triloop.awaitables.convertible import Convertible, T, check_convertible
from triloop.awaitables.outcomes import settle
from triloop.awaitables.tasks import create_task
from triloop.awaited_reactor import expect
from triloop.default_loop import default_loop, usable_loop
from triloop.private.deferreds import count_as_handled

__all__ = ["as_future"]


def as_future(
    x: Convertible[T],
    *,
    loop: asyncio.AbstractEventLoop | None = None,
    name: str | None = None,
    context: Context | None = None,
) -> asyncio.Future[T]:
    """Convert ``x`` to an asyncio Future, which is Tornado's Future too.

    Called in the loop's thread. ``twisted.internet.defer.CancelledError`` becomes
    ``asyncio.CancelledError`` with the same message. Cancelling the Future cancels ``x``; a later
    result of ``x`` is dropped.

    A Deferred keeps its result, and its failure too, which counts as handled. So several Futures
    of one Deferred have the same outcome; if one of them is cancelled, the Deferred is cancelled,
    and the others get its outcome.

    Args:
        x: A Deferred, an asyncio or concurrent Future, or anything awaitable. A coroutine runs as
            a Task and may await Deferreds as well as Futures. An asyncio Future comes back as it
            is.
        loop: The loop of the Future. By default the running loop; before any runs, that of the
            installed reactor, or the thread's current one.
        name: The name of the Task, if ``x`` is run as one.
        context: The context of that Task; by default a copy of the current one. Python 3.10 runs
            it in a copy of ``context``.

    Returns:
        A Future with the result or the very exception of ``x``, done at once if a Deferred ``x``
        has fired.

    Raises:
        TypeError: ``x`` is none of these.
        RuntimeError: No loop is given and none can be found; or the loop, that of an asyncio
            Future too, is closed or runs in another thread.
        ValueError: ``x`` is an asyncio Future of another loop than ``loop``.
    """
    if isinstance(x, Deferred):  # first, for it is the most frequent
        if loop is not None:
            usable_loop(loop)
        else:
            try:
                loop = get_running_loop()
            except RuntimeError:
                loop = default_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not x.called:
            # expect() has nothing to do for a reactor that runs here, which is the usual case.
            reactor: Any = modules.get("twisted.internet.reactor")
            if reactor is not None and not (
                threadable.ioThread == get_ident() and getattr(reactor, "running", True)
            ):
                expect(reactor)
        cancel = MethodType(_cancel, x)  # costs less than partial()
        future.add_done_callback(cancel)
        x.addBoth(_deliver, x, future, cancel)
        if call_graph.IS_KEPT and not future.done():
            call_graph.note_future(x, future)
        return future
    return _other_future(x, loop, name, context)


def _other_future(
    x: Convertible[T],
    loop: asyncio.AbstractEventLoop | None,
    name: str | None,
    context: Context | None,
) -> asyncio.Future[T]:
    """Convert what is no Deferred."""
    if isinstance(x, asyncio.Future):
        if not x.done():
            usable_loop(x.get_loop())
        return asyncio.ensure_future(x, loop=loop)
    check_convertible("as_future", x)
    loop = default_loop() if loop is None else usable_loop(loop)
    if isinstance(x, concurrent.futures.Future):
        return asyncio.wrap_future(x, loop=loop)
    return create_task(loop, x, name, context)


def _deliver(
    result: Any,
    deferred: Deferred[Any],
    future: asyncio.Future[Any],
    cancel: Callable[[asyncio.Future[Any]], None],
) -> Any:
    # It is pending, unless the callback is gone; the loop would call that for nothing.
    pending = future.remove_done_callback(cancel)
    if not isinstance(result, Failure):
        if pending:
            future.set_result(result)
        return result
    if pending:
        settle(future, result)
    # Not before the other callbacks have run.
    future.get_loop().call_soon(count_as_handled, deferred, result)
    return result


def _cancel(deferred: Deferred[Any], future: asyncio.Future[Any]) -> None:
    if future.cancelled():
        deferred.cancel()
