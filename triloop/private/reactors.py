"""The state of a Twisted reactor that its interfaces do not show."""

from __future__ import annotations

from typing import Any

__all__ = [
    "add_internal_reader",
    "can_poll",
    "has_ended",
    "has_started",
    "host_loop_of",
    "internal_readers",
    "is_passing_stop",
    "is_stopped",
    "reactor_of",
    "remove_internal_reader",
    "was_stopped",
]


def can_poll(reactor: Any) -> bool:
    """Whether its poller is open, or the loop of Twisted's own reactor on asyncio.

    Other code may have closed them. A reactor that follows the running loop takes another one.
    """
    poller = reactor._poller if hasattr(reactor, "_poller") else None
    loop = None if hasattr(reactor, "follow") else host_loop_of(reactor)
    return not getattr(poller, "closed", False) and (loop is None or not loop.is_closed())


def has_started(reactor: Any) -> bool:
    """Whether it runs, or shuts down."""
    return bool(reactor._started)


def is_stopped(reactor: Any) -> bool:
    """Whether it was told to stop, or does not run."""
    return bool(reactor._stopped)


def was_stopped(reactor: Any) -> bool:
    """Whether ``stop()`` was called, ever; that is for good in a reactor of Twisted's own."""
    return bool(getattr(reactor, "_startedBefore", False))


def has_ended(reactor: Any) -> bool:
    """Whether it was stopped for good, and does not shut down any more."""
    return was_stopped(reactor) and not reactor._started


def is_passing_stop(reactor: Any) -> bool:
    """Whether the main loop is past a ``stop()``, and fires the shutdown itself."""
    return bool(reactor._stopped and reactor._started and not reactor._justStopped)


def host_loop_of(reactor: Any) -> Any:
    """The asyncio loop that a reactor runs in; None if it shows none."""
    return getattr(reactor, "_asyncioEventloop", None)


def internal_readers(reactor: Any) -> Any:
    """The internal readers, such as the waker; ``getReaders`` does not list them."""
    return reactor._internalReaders


def add_internal_reader(reactor: Any, reader: Any) -> None:
    """Add a reader that ``removeAll`` and ``disconnectAll`` pass over."""
    reactor._addInternalReader(reader)


def remove_internal_reader(reactor: Any, reader: Any) -> None:
    """Undo :func:`add_internal_reader`."""
    reactor._removeInternalReader(reader)


def reactor_of(process: Any) -> Any:
    """The reactor that has spawned a process."""
    return getattr(process, "_reactor", None) or getattr(process, "reactor", None)
