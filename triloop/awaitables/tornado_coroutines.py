"""Lets Tornado's coroutines and handlers wait for Deferreds."""

from __future__ import annotations

import asyncio
import functools
import types
from collections.abc import Coroutine
from typing import Any

from tornado import gen
from tornado.ioloop import IOLoop
from twisted.internet.defer import Deferred

from triloop.awaitables.convertible import T
from triloop.awaitables.futures import as_future
from triloop.private.cpython import running_loop
from triloop.private.tornado import explain_removed_names, keep_task

__all__ = ["install"]

_wait_iterator: Any = gen.WaitIterator
_begin_iterator = _wait_iterator.__init__


def install() -> None:
    """Have Tornado convert Deferreds and coroutines to Futures by :mod:`triloop.awaitables`."""
    explain_removed_names()  # that imports Tornado's own converter, which would replace this one
    # A request handler runs as a coroutine, which awaits what the handler's methods return.
    for kind in (Deferred, types.CoroutineType):
        gen.convert_yielded.register(kind, _yielded)  # type: ignore[attr-defined]
    _wait_iterator.__init__ = _iterate_over


def _yielded(x: Deferred[T] | Coroutine[Any, Any, T]) -> asyncio.Future[T]:
    # Before the loop runs, gen.coroutine goes on with Tornado's current one.
    loop = running_loop() or IOLoop.current().asyncio_loop  # type: ignore[attr-defined]
    future = as_future(x, loop=loop)
    if isinstance(future, asyncio.Task):
        keep_task(future)
    return future


@functools.wraps(_begin_iterator)
def _iterate_over(self: Any, *args: Any, **kwargs: Any) -> None:
    # Of all that takes yieldables, this alone does not convert them.
    named = {name: _future(x) for name, x in kwargs.items()}
    _begin_iterator(self, *[_future(x) for x in args], **named)


def _future(x: Any) -> Any:
    return _yielded(x) if isinstance(x, Deferred) else x
