"""Lets Tornado's coroutines and handlers wait for Deferreds."""

from __future__ import annotations

import asyncio
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


def install() -> None:
    """Have Tornado convert Deferreds and coroutines to Futures by :mod:`triloop.awaitables`."""
    explain_removed_names()  # that imports Tornado's own converter, which would replace this one
    # A request handler runs as a coroutine, which awaits what the handler's methods return.
    for kind in (Deferred, types.CoroutineType):
        gen.convert_yielded.register(kind, _yielded)  # type: ignore[attr-defined]


def _yielded(x: Deferred[T] | Coroutine[Any, Any, T]) -> asyncio.Future[T]:
    # Before the loop runs, gen.coroutine goes on with Tornado's current one.
    loop = running_loop() or IOLoop.current().asyncio_loop  # type: ignore[attr-defined]
    future = as_future(x, loop=loop)
    if isinstance(future, asyncio.Task):
        keep_task(future)
    return future
