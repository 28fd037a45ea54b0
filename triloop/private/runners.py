"""Reports each asyncio loop that begins to run, for which asyncio has no public way."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable
from typing import Any

from triloop.registry import deciding

__all__ = ["is_patched_to_nest", "watch_loops"]

_Callback = Callable[[asyncio.AbstractEventLoop], None]

_asyncio: Any = asyncio
_callbacks: list[_Callback] = []


def watch_loops(callback: _Callback) -> None:
    """Call ``callback`` with each loop that begins to run, before anything else runs in it.

    Every loop calls asyncio's function that makes it the running loop. uvloop, if it was imported
    earlier, has a reference to the original function; so the start of its run is followed.

    Args:
        callback: Called in the thread of the loop, which is the running one by then or will be in
            a moment. It must not raise. A loop that runs in turns is reported at each of them.
    """
    if callback in _callbacks:
        return
    with deciding:
        if not _callbacks:
            _follow_running_loop()
            _follow_uvloop()
        if callback not in _callbacks:
            _callbacks.append(callback)


def is_patched_to_nest() -> bool:
    """Whether nest_asyncio, or its successor, has changed asyncio in this process."""
    return hasattr(asyncio, "_nest_patched")


def _follow_running_loop() -> None:
    native = _asyncio.events._set_running_loop

    @functools.wraps(native)
    def set_running_loop(loop: asyncio.AbstractEventLoop | None) -> None:
        native(loop)
        if loop is not None:
            _notify(loop)

    _asyncio._set_running_loop = _asyncio.events._set_running_loop = set_running_loop


def _follow_uvloop() -> None:
    uvloop: Any = sys.modules.get("uvloop")
    if uvloop is None:
        return
    native = uvloop.Loop.run_forever

    @functools.wraps(native)
    def run_forever(loop: asyncio.AbstractEventLoop) -> None:
        _notify(loop)
        native(loop)

    uvloop.Loop.run_forever = run_forever


def _notify(loop: asyncio.AbstractEventLoop) -> None:
    for callback in _callbacks:
        callback(loop)
