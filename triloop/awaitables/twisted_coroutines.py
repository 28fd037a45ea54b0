"""Runs the coroutines and generators of Twisted as Tasks, if plain code may await anything.

In Twisted ``Deferred.fromCoroutine``, ``inlineCallbacks`` and all that is built on them call one
function; this module replaces it. While the switch is off, the replacement does what Twisted's
does, and if Twisted cannot wait for what a coroutine awaits, the error names the fix.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from contextvars import Context
from types import GeneratorType
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred

from triloop.awaitables import everywhere
from triloop.awaitables.deferreds import as_deferred
from triloop.awaitables.future_deferred import FutureDeferred
from triloop.awaitables.generators import GeneratorSteps
from triloop.awaitables.tasks import begin_task
from triloop.awaitables.waiter import Waiter
from triloop.default_loop import default_loop
from triloop.private import tasks
from triloop.private.deferreds import replace_drive, twisteds_drive

__all__ = ["install"]

_FIX = (
    "await wasn't used with future: this coroutine is driven by Twisted, which does not take a "
    "Future of asyncio: await triloop.as_deferred(future) or triloop.wait(future), or call "
    "triloop.await_anything() once"
)

_module: Any = defer
_twisteds_drive = twisteds_drive()
_twisteds_iscoroutine = _module.iscoroutine


def install() -> None:
    """Replace Twisted's function."""
    replace_drive(_drive)
    _module.iscoroutine = _is_driven


def _is_driven(x: object) -> bool:
    """Whether Twisted is to have ``x`` driven; asked about what is yielded and no Deferred."""
    if asyncio.isfuture(x):
        # An await yields the Future with this mark; who yields it without may want it back.
        return everywhere.is_on or x._asyncio_future_blocking
    return bool(_twisteds_iscoroutine(x))


@functools.wraps(_twisteds_drive)
def _drive(x: Any) -> Deferred[Any]:
    if asyncio.isfuture(x):
        x._asyncio_future_blocking = False
        return as_deferred(x) if everywhere.is_on else defer.fail(RuntimeError(_FIX))
    loop = _loop() if everywhere.is_on and not _is_twisteds_own(x) else None
    if loop is None:
        return _twisteds_drive(x)
    return _TaskDriver(loop, x).deferred


def _is_twisteds_own(x: Any) -> bool:
    """Whether Twisted itself runs it: such a coroutine awaits Deferreds and nothing else.

    The functions that it calls are not to find a running loop where none runs: trial's tests.
    """
    frame = getattr(x, "cr_frame", None) or getattr(x, "gi_frame", None)
    module = "" if frame is None else frame.f_globals.get("__name__", "")
    return module.startswith("twisted.") and ".test." not in module


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return default_loop()
    except RuntimeError:
        return None


class _TaskDriver:
    """Runs a coroutine as a Task that goes on at once when a Deferred it awaits has fired."""

    def __init__(self, loop: asyncio.AbstractEventLoop, x: Any) -> None:
        self.waiter: Waiter | None = None
        self._loop = loop
        coroutine = GeneratorSteps(x, self) if type(x) is GeneratorType else x
        task = begin_task(loop, coroutine, self)
        # Twisted says nothing about a coroutine that is never resumed.
        tasks.end_unreported(task)
        self._task = task
        self.deferred = FutureDeferred.of(task, self)

    def go_on(self, step: Callable[[Any], object], waiter: Waiter, context: Context) -> None:
        """Run the next step now; in the next pass of the loop if its context is in use."""
        try:
            tasks.step(self._loop, context, step, waiter)
        except RuntimeError:
            waiter.wake_later()
        if self._task.done():
            self.deferred.deliver(self._task)

    def cancel(self) -> None:
        """Cancel what is awaited, if that is a Deferred, as Twisted does.

        A coroutine that is in the middle of a step awaits nothing.
        """
        if self.waiter is not None:
            self.waiter.cancel_source()
        elif not getattr(self._task.get_coro(), "cr_running", False):
            self._task.cancel()
