"""What a test leaves behind in a loop, in a reactor and in the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Hashable
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.error import ConnectionLost
from twisted.python import log
from twisted.python.failure import Failure

from triloop.private.cpython import timers_of, watched_by

__all__ = ["Found", "discard", "in_loop", "in_process", "in_reactor", "new_since"]

#: What was found: each thing, and a line that names it.
Found = dict[Hashable, str]
#: Seconds for a thread to end that has done its work.
_LAST_STEPS = 0.1


def in_loop(loop: asyncio.AbstractEventLoop) -> Found:
    """Find tasks, and the timed calls and descriptors of a loop that shows them: uvloop does not.

    Args:
        loop: The running loop. The current task does not count.
    """
    found: Found = {}
    for task in asyncio.all_tasks(loop) - {asyncio.current_task(loop)}:
        found[task] = f"a task: {task!r}"
    for timer, callback in timers_of(loop).items():
        if not _is_of_library(callback):
            found[timer] = f"a delayed call: {timer!r}"
    for fd, callbacks in watched_by(loop).items():
        found[fd] = f"a connection or port: descriptor {fd} of {callbacks}"
    return found


def in_reactor(reactor: Any) -> Found:
    """Find delayed calls, connections and ports."""
    found: Found = {}
    for call in reactor.getDelayedCalls():
        if not _is_of_library(call.func):
            found[call] = f"a delayed call: {call}"
    for selectable in {*reactor.getReaders(), *reactor.getWriters()}:
        found[selectable] = f"a connection or port: {selectable!r}"
    return found


def in_process(reactor: Any) -> Found:
    """Find threads; those of the reactor's pool do not count."""
    pool = getattr(reactor, "threadpool", None)
    threads = set(threading.enumerate()).difference(pool.threads if pool is not None else ())
    return {thread: f"a thread: {thread!r}" for thread in threads}


def new_since(before: Found, now: Found) -> Found:
    """Give what is there now and was not before."""
    new = {key: line for key, line in now.items() if key not in before}
    for thread in [key for key in new if isinstance(key, threading.Thread)]:
        thread.join(_LAST_STEPS)
        if not thread.is_alive():
            del new[thread]
    return new


def _is_of_library(callback: object) -> bool:
    """Whether a timed call belongs to something else that is found, or to the engine."""
    return str(getattr(callback, "__module__", "")).startswith(("asyncio.", "triloop.embedding"))


def discard(reactor: Any, found: Found) -> None:
    """Cancel the calls and cut the connections that were found in a reactor, before later tests."""
    for one in found:
        if isinstance(one, DelayedCall):
            if one.active():
                one.cancel()
        elif hasattr(one, "connectionLost"):
            reactor.removeReader(one)
            reactor.removeWriter(one)
            log.callWithLogger(one, one.connectionLost, Failure(ConnectionLost("a test left it")))
