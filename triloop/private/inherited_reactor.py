"""Takes from a reactor, in a child of ``os.fork``, what belongs to the parent."""

from __future__ import annotations

import select
from typing import Any

__all__ = [
    "DESCRIPTOR_MARK",
    "clear_watched",
    "discard_internal_reader",
    "drop_delayed_calls",
    "keep_open_elsewhere",
    "note_pool_start",
    "renew_file_polling",
    "renew_poll",
    "reset_life",
    "uninstall_signals",
]

#: An attribute of each FileDescriptor, and of hardly any other object.
DESCRIPTOR_MARK = "_tempDataBuffer"


def keep_open_elsewhere(port: Any) -> None:
    """Have a port closed without ``shutdown``, which would end it in every process."""
    port._shouldShutdown = False


def clear_watched(reactor: Any) -> None:
    """Clear what ``reactor`` watches, in place: it may be in the middle of a poll's result."""
    for name in ("_reads", "_writes", "_selectables"):
        book = getattr(reactor, name, None)
        if book is not None:
            book.clear()


def discard_internal_reader(reactor: Any, reader: Any) -> None:
    """Remove an internal reader that is in no poller any more."""
    reactor._internalReaders.discard(reader)


def renew_poll(reactor: Any) -> None:
    """Give a PollReactor a new poll object."""
    reactor._poller = select.poll()


def renew_file_polling(reactor: Any) -> Any:
    """Replace the poller of files, if the reactor has one; return the old one or None."""
    polling = getattr(reactor, "_continuousPolling", None)
    if polling is not None:
        reactor._continuousPolling = type(polling)(reactor)
    return polling


def reset_life(reactor: Any) -> None:
    """Do what ``crash`` does, and undo a ``stop``."""
    if reactor.running:
        reactor.addSystemEventTrigger("during", "startup", reactor._reallyStartRunning)
    reactor._started = reactor.running = False
    reactor._stopped = True
    reactor._justStopped = reactor._startedBefore = False
    reactor._exitSignal = None


def uninstall_signals(reactor: Any) -> None:
    """Put back the signal handlers from before the run of ``reactor``."""
    reactor._signals.uninstall()


def drop_delayed_calls(reactor: Any) -> None:
    """Clear Twisted's own lists of timed calls."""
    reactor._pendingTimedCalls.clear()
    reactor._newTimedCalls.clear()
    reactor._cancellations = 0


def note_pool_start(reactor: Any, start: Any) -> None:
    """Store what ``callWhenRunning`` has returned for the start of the thread pool."""
    reactor._threadpoolStartupID = start
