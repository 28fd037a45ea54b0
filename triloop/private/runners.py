"""What asyncio does not tell: which loop is about to be run."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

__all__ = ["tell_of_loops"]

_Told = Callable[[asyncio.AbstractEventLoop], None]

_asyncio: Any = asyncio
_told: list[_Told] = []


def tell_of_loops(told: _Told) -> None:
    """Call ``told`` with each loop that is made current, or that a Runner is about to run.

    ``asyncio.run()``, ``uvloop.run()``, Tornado's and anyio's entry points do one or the other.
    There is no public way to hear of it.

    Args:
        told: Called in the thread that makes the loop current; a second time it changes nothing.
    """
    if not _told:
        _follow_set_event_loop()
        _follow_runners()
    if told not in _told:
        _told.append(told)


def _follow_set_event_loop() -> None:
    native = asyncio.set_event_loop

    @functools.wraps(native)
    def set_event_loop(loop: asyncio.AbstractEventLoop | None) -> None:
        native(loop)
        if loop is not None:
            _tell(loop)

    _asyncio.set_event_loop = _asyncio.events.set_event_loop = set_event_loop


def _follow_runners() -> None:
    if not hasattr(asyncio, "Runner"):
        return  # Python 3.10
    native = _asyncio.Runner.run

    @functools.wraps(native)
    def run(runner: Any, coro: Any, **options: Any) -> Any:
        if asyncio._get_running_loop() is None:
            _tell(runner.get_loop())
        return native(runner, coro, **options)

    _asyncio.Runner.run = run


def _tell(loop: asyncio.AbstractEventLoop) -> None:
    for told in _told:
        told(loop)
