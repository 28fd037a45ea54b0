"""Which asyncio loop is about to run: asyncio has no public way to follow that."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from triloop.private.cpython import running_loop

__all__ = ["is_patched_to_nest", "watch_loops"]

_Callback = Callable[[asyncio.AbstractEventLoop], None]

_asyncio: Any = asyncio
_callbacks: list[_Callback] = []


def watch_loops(callback: _Callback) -> None:
    """Call ``callback`` with each loop that is made current, or that a Runner is about to run.

    ``asyncio.run()``, ``uvloop.run()``, Tornado's and anyio's entry points do one or the other.
    There is no public way to follow this.

    Args:
        callback: Called in the thread that makes the loop current; repeated calls with
            it change nothing.
    """
    if not _callbacks:
        _follow_set_event_loop()
        _follow_runners()
    if callback not in _callbacks:
        _callbacks.append(callback)


def is_patched_to_nest() -> bool:
    """Whether nest_asyncio, or its successor, has changed asyncio in this process."""
    return hasattr(asyncio, "_nest_patched")


def _follow_set_event_loop() -> None:
    native = asyncio.set_event_loop

    @functools.wraps(native)
    def set_event_loop(loop: asyncio.AbstractEventLoop | None) -> None:
        native(loop)
        if loop is not None:
            _notify(loop)

    _asyncio.set_event_loop = _asyncio.events.set_event_loop = set_event_loop


def _follow_runners() -> None:
    if not hasattr(asyncio, "Runner"):
        return  # Python 3.10
    native = _asyncio.Runner.run

    @functools.wraps(native)
    def run(runner: Any, coro: Any, **options: Any) -> Any:
        if running_loop() is None:
            _notify(runner.get_loop())
        return native(runner, coro, **options)

    _asyncio.Runner.run = run


def _notify(loop: asyncio.AbstractEventLoop) -> None:
    for callback in _callbacks:
        callback(loop)
