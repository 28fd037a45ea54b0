"""asyncio's call graph, from Python 3.14: a Task that waits for a Deferred of another Task.

asyncio shows which Task awaits which. A Deferred between the two is passed over here: the Task that
waits for it is noted as one that awaits the Futures behind it.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred

from triloop.awaitables.future_deferred import FutureDeferred
from triloop.private.deferreds import what_fires

__all__ = ["IS_KEPT", "begin_wait", "end_wait", "note_future"]

#: Whether this Python has a call graph.
IS_KEPT: Final = sys.version_info >= (3, 14)


def begin_wait(
    source: Deferred[Any] | asyncio.Future[Any], task: asyncio.Task[Any] | None
) -> list[asyncio.Future[Any]]:
    """Note that ``task`` waits for the Futures behind ``source``, as far as they are known.

    A Deferred shows what fires it if that is another Deferred or a Future that was converted, or a
    coroutine or generator that Twisted drives: then it is what that one waits for at present.

    Returns:
        Those Futures, for :func:`end_wait`.
    """
    if sys.version_info < (3, 14) or task is None:
        return []
    found = [future for future in _futures_behind(source) if future is not task]
    for future in found:
        asyncio.future_add_to_awaited_by(future, task)
    return found


def end_wait(awaited: list[asyncio.Future[Any]], task: asyncio.Task[Any] | None) -> None:
    """Undo :func:`begin_wait`."""
    if sys.version_info >= (3, 14):
        for future in awaited:
            asyncio.future_discard_from_awaited_by(future, task)


def note_future(deferred: Deferred[Any], future: asyncio.Future[Any]) -> None:
    """Note that the current task waits for ``deferred`` until ``future`` is done.

    It is taken for the one that awaits ``future``, as asyncio does in ``gather()``.
    """
    task = asyncio.current_task(future.get_loop())
    awaited = begin_wait(deferred, task)
    if awaited:
        future.add_done_callback(partial(_end, awaited, task))


def _end(awaited: list[asyncio.Future[Any]], task: asyncio.Task[Any] | None, _: object) -> None:
    end_wait(awaited, task)


def _futures_behind(source: Deferred[Any] | asyncio.Future[Any]) -> list[asyncio.Future[Any]]:
    found: dict[int, asyncio.Future[Any]] = {}
    seen: set[int] = set()
    to_see: list[object] = [source]
    while to_see:
        one = to_see.pop()
        if isinstance(one, asyncio.Future):
            if not one.done():
                found[id(one)] = one
        elif isinstance(one, Deferred) and id(one) not in seen:
            seen.add(id(one))
            if isinstance(one, FutureDeferred):
                to_see += [one.future, one.source]
            else:
                to_see += what_fires(one)
    return list(found.values())
