"""asyncio's call graph (Python 3.14): the edge from a Task to the one whose Deferred it awaits."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from twisted.internet.defer import Deferred

from triloop.private.deferreds import canceller_of

__all__ = ["Source", "begin_wait", "end_wait"]


class Source:
    """The canceller of a Deferred that gets its result from a Future: it cancels the Future."""

    __slots__ = ("future",)

    future: asyncio.Future[Any]


def begin_wait(deferred: Deferred[Any], task: asyncio.Task[Any] | None) -> Any:
    """Note that ``task`` waits for the Future behind ``deferred``, if that is known.

    Returns:
        That Future, for :func:`end_wait`; None if there is nothing to be noted.
    """
    if sys.version_info < (3, 14) or task is None:
        return None
    source = getattr(canceller_of(deferred), "__self__", None)
    if not isinstance(source, Source):
        return None
    asyncio.future_add_to_awaited_by(source.future, task)
    return source.future


def end_wait(future: Any, task: asyncio.Task[Any] | None) -> None:
    """Undo :func:`begin_wait`."""
    if sys.version_info >= (3, 14) and future is not None and task is not None:
        asyncio.future_discard_from_awaited_by(future, task)
