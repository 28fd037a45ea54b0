"""A plain ``await deferred`` in the code of an application.

Twisted's Deferred yields itself, which only Twisted's own driver of coroutines accepts. Here it
checks whether the Task may await it; if not, the error that asyncio raises names the fix.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred

from triloop.awaitables import everywhere
from triloop.awaitables.tasks import current_driver, may_await_deferreds
from triloop.awaitables.waiter import await_deferred
from triloop.private.cpython import running_loop

__all__ = ["install"]

_FIX = (
    "a Task of asyncio does not take a Deferred: use await triloop.as_future(deferred) or "
    "await triloop.wait(deferred), or call triloop.await_anything() once"
)

_deferred_class: Any = Deferred
_twisteds_await = _deferred_class.__await__


def install() -> None:
    """Replace Twisted's method, which is still called where no Task can be concerned."""
    _deferred_class.__await__ = _deferred_class.__iter__ = _await


def _await(deferred: Deferred[Any]) -> Generator[Any, Any, Any]:
    loop = running_loop()
    if loop is None:
        return _twisteds_await(deferred)  # type: ignore[no-any-return]
    if everywhere.is_on or may_await_deferreds(loop):
        return await_deferred(deferred, loop, current_driver(loop))
    return _explained(deferred)


def _explained(deferred: Deferred[Any]) -> Generator[Any, Any, Any]:
    try:
        return (yield from _twisteds_await(deferred))
    except RuntimeError as error:
        if str(error).startswith("Task got bad yield"):
            error.args = (f"{error}: {_FIX}",)
        raise
