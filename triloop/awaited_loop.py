"""Warns if work was given to a loop that does not run, and another loop runs instead."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref

from triloop.origins import caller, warn
from triloop.private.reactors import host_loop_of
from triloop.private.runners import watch_loops
from triloop.registry import deciding

__all__ = ["expect_run"]

#: The loops that have work and have not run since; with the process, thread and line that gave it.
_awaited: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[tuple[int, int], str]]
_awaited = weakref.WeakKeyDictionary()


def expect_run(loop: asyncio.AbstractEventLoop) -> None:
    """Note that ``loop`` was given work; if another loop runs in this thread first, warn once."""
    if not loop.is_running() and loop not in _awaited:
        with deciding:
            _awaited[loop] = _here(), caller()
        watch_loops(_check)


def _check(running: asyncio.AbstractEventLoop) -> None:
    """Warn of the loops that have waited for their run in the thread in which this one begins."""
    if not _awaited:
        return
    with deciding:  # another thread may add some
        _awaited.pop(running, None)
        awaited = list(_awaited.items())
    for loop, (place, line) in awaited:
        if place == _here() and not _runs_inside(loop, running):
            _awaited.pop(loop, None)
            if not loop.is_running() and not loop.is_closed():
                _warn(loop, line, running)


def _here() -> tuple[int, int]:
    """The process and the thread: work of a parent does not concern its forked child."""
    return os.getpid(), threading.get_ident()


def _runs_inside(loop: asyncio.AbstractEventLoop, running: asyncio.AbstractEventLoop) -> bool:
    """Whether the reactor of ``loop`` runs in the running one."""
    reactor = getattr(loop, "reactor", None)
    return reactor is not None and host_loop_of(reactor) is running


def _warn(loop: asyncio.AbstractEventLoop, line: str, running: asyncio.AbstractEventLoop) -> None:
    warn(
        f"{line} gave work to {loop!r}, and now {running!r} runs in its place: nothing of that "
        "happens before the other one runs. Call it in a coroutine or callback of the loop that "
        "runs, or run that loop"
    )
