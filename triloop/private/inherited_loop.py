"""What a stock loop of asyncio has from before a fork, for the child to give up."""

from __future__ import annotations

import asyncio
import contextvars
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable, Iterable
from typing import Any

__all__ = [
    "abandon_transport",
    "call_first",
    "drop_executor",
    "drop_generators",
    "drop_ready",
    "drop_servers_paths",
    "drop_timers",
    "is_stock",
    "poller_of",
    "ready_in",
    "self_pipe",
    "signals_of",
    "take_files",
    "transports_of",
    "unregister_task",
    "watched_for",
]


def is_stock(loop: object) -> bool:
    """Whether it is one of CPython's selector loops."""
    return isinstance(loop, BaseSelectorEventLoop)


def poller_of(loop: Any) -> Any:
    """Its selector, whose own poller is ``_selector``."""
    return loop._selector


def self_pipe(loop: Any) -> tuple[Any, Any]:
    """The pair of sockets that wakes it: the end to read, and that to write."""
    return loop._ssock, loop._csock


def signals_of(loop: Any) -> Iterable[int]:
    """The signals that ``add_signal_handler`` was called for; none of another loop."""
    return getattr(loop, "_signal_handlers", ())


def transports_of(loop: Any) -> dict[int, Any]:
    """The transports that it has, by descriptor: paused ones too."""
    return dict(loop._transports)


def drop_timers(loop: Any) -> list[Any]:
    """Have no timer called any more; the timers."""
    dropped = loop._scheduled[:]
    loop._scheduled.clear()
    loop._timer_cancelled_count = 0
    return dropped  # type: ignore[no-any-return]


def ready_in(loop: Any) -> list[object]:
    """Whose methods are about to be called: tasks, for the most part."""
    return [getattr(handle._callback, "__self__", None) for handle in loop._ready]


def drop_ready(loop: Any) -> list[Any]:
    """Have nothing called that is ready, also where an iteration is half way through; what."""
    dropped = []
    for handle in loop._ready:
        dropped.append((handle, handle._callback, handle._args))
        handle._cancelled = True
    return dropped


def drop_executor(loop: Any) -> Any:
    """Have a new default executor made when one is needed; the old one, or None."""
    executor, loop._default_executor = loop._default_executor, None
    return executor


def drop_generators(loop: Any) -> list[Any]:
    """Have no asynchronous generator closed at the end of the loop; the generators."""
    dropped = list(loop._asyncgens)
    loop._asyncgens.clear()
    return dropped


def drop_servers_paths(loop: Any) -> None:
    """Have no path unlinked when a server is closed."""
    getattr(loop, "_unix_server_sockets", {}).clear()  # since Python 3.13


def unregister_task(task: asyncio.Task[Any]) -> None:
    """Have ``all_tasks()`` not show a task, so that whatever ends the loop does not cancel it."""
    asyncio.tasks._unregister_task(task)


def call_first(loop: Any, callback: Callable[..., object], *args: Any) -> None:
    """Call ``callback(*args)`` ahead of all that is ready, in an empty context."""
    loop._ready.appendleft(asyncio.Handle(callback, args, loop, contextvars.Context()))


def watched_for(handle: Any) -> tuple[object, tuple[Any, ...]]:
    """Whose method is called when a descriptor is ready, and with which arguments."""
    return getattr(handle._callback, "__self__", None), handle._args or ()


def abandon_transport(transport: Any) -> None:
    """Have a transport do nothing more."""
    transport._closing, transport._conn_lost = True, 1


def take_files(transport: Any) -> list[Any]:
    """Take its socket or pipe from a transport."""
    taken = [getattr(transport, "_sock", None), getattr(transport, "_pipe", None)]
    for name in ("_sock", "_pipe"):
        if hasattr(transport, name):
            setattr(transport, name, None)
    return [held for held in taken if held is not None]
