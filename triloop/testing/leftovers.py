"""What a test leaves behind in a loop, in a reactor and in the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Hashable
from typing import Any

from twisted.internet.base import DelayedCall

__all__ = ["Found", "in_process", "in_reactor", "new_since"]

#: What was found: a key for each thing, and a line that names it.
Found = dict[Hashable, str]


def in_reactor(loop: asyncio.AbstractEventLoop, reactor: Any) -> Found:
    """Find tasks, delayed calls, connections and ports.

    Args:
        loop: The running loop. The current task does not count.
        reactor: The reactor that runs with it.
    """
    found: Found = {}
    for task in asyncio.all_tasks(loop) - {asyncio.current_task(loop)}:
        found[task] = f"a task: {task!r}"
    for call in reactor.getDelayedCalls():
        if _is_of_application(call):
            found[id(call)] = f"a delayed call: {call}"
    for selectable in {*reactor.getReaders(), *reactor.getWriters()}:
        found[id(selectable)] = f"a connection or port: {selectable!r}"
    return found


def in_process(reactor: Any) -> Found:
    """Find threads; those of the reactor's pool do not count."""
    pool = getattr(reactor, "threadpool", None)
    threads = set(threading.enumerate()).difference(pool.threads if pool is not None else ())
    return {thread: f"a thread: {thread!r}" for thread in threads}


def new_since(before: Found, now: Found) -> list[str]:
    """List what is there now and was not before, a line each."""
    return [line for key, line in now.items() if key not in before]


def _is_of_application(call: DelayedCall) -> bool:
    """Whether the application made the call, and not the engine, to turn the reactor's guest."""
    return not getattr(call.func, "__module__", "").startswith("triloop.embedding")
