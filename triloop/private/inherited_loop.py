"""Takes from a stock asyncio loop, in a child of ``os.fork``, what belongs to the parent."""

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
    """The selector of ``loop``; its attribute ``_selector`` is the epoll or kqueue."""
    return loop._selector


def self_pipe(loop: Any) -> tuple[Any, Any]:
    """The pair of sockets that wakes ``loop``: the reading end, then the writing end."""
    return loop._ssock, loop._csock


def signals_of(loop: Any) -> Iterable[int]:
    """The signals that ``add_signal_handler`` was called for; none if it is not a stock loop."""
    return getattr(loop, "_signal_handlers", ())


def transports_of(loop: Any) -> dict[int, Any]:
    """The transports of ``loop`` by descriptor, paused ones too."""
    return dict(loop._transports)


def drop_timers(loop: Any) -> list[Any]:
    """Remove all timers, and return them."""
    dropped = loop._scheduled[:]
    loop._scheduled.clear()
    loop._timer_cancelled_count = 0
    return dropped  # type: ignore[no-any-return]


def ready_in(loop: Any) -> list[object]:
    """The objects whose methods are about to be called, most of them tasks."""
    return [getattr(handle._callback, "__self__", None) for handle in loop._ready]


def drop_ready(loop: Any) -> list[Any]:
    """Remove all ready callbacks, even in the middle of an iteration, and return them."""
    dropped = []
    for handle in loop._ready:
        dropped.append((handle, handle._callback, handle._args))
        handle._cancelled = True
    return dropped


def drop_executor(loop: Any) -> Any:
    """Remove the default executor, and return it or None; a new one is made when needed."""
    executor, loop._default_executor = loop._default_executor, None
    return executor


def drop_generators(loop: Any) -> list[Any]:
    """Remove the asynchronous generators that the loop would close at its end, and return them."""
    dropped = list(loop._asyncgens)
    loop._asyncgens.clear()
    return dropped


def drop_servers_paths(loop: Any) -> None:
    """Keep servers from unlinking their paths when they are closed."""
    getattr(loop, "_unix_server_sockets", {}).clear()  # since Python 3.13


def unregister_task(task: asyncio.Task[Any]) -> None:
    """Remove a task from ``all_tasks()``, so that nothing that ends the loop cancels it."""
    asyncio.tasks._unregister_task(task)


def call_first(loop: Any, callback: Callable[..., object], *args: Any) -> None:
    """Call ``callback(*args)`` before all ready callbacks, in an empty context."""
    loop._ready.appendleft(asyncio.Handle(callback, args, loop, contextvars.Context()))


def watched_for(handle: Any) -> tuple[object, tuple[Any, ...]]:
    """The object whose method a handle calls, and the arguments."""
    return getattr(handle._callback, "__self__", None), handle._args or ()


def abandon_transport(transport: Any) -> None:
    """Disable a transport."""
    transport._closing, transport._conn_lost = True, 1


def take_files(transport: Any) -> list[Any]:
    """Remove the socket or pipe from a transport, and return it."""
    taken = [getattr(transport, "_sock", None), getattr(transport, "_pipe", None)]
    for name in ("_sock", "_pipe"):
        if hasattr(transport, name):
            setattr(transport, name, None)
    return [held for held in taken if held is not None]
