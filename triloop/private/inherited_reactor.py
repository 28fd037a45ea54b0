"""What a reactor of Twisted's has from before a fork, for the child to give up."""

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

#: An attribute that each FileDescriptor has, and hardly anything else.
DESCRIPTOR_MARK = "_tempDataBuffer"


def keep_open_elsewhere(port: Any) -> None:
    """Have a port not shut down when it is closed: that ends it in every process."""
    port._shouldShutdown = False


def clear_watched(reactor: Any) -> None:
    """Empty its books of what it watches, in place: a poll's result may be half worked off."""
    for name in ("_reads", "_writes", "_selectables"):
        book = getattr(reactor, name, None)
        if book is not None:
            book.clear()


def discard_internal_reader(reactor: Any, reader: Any) -> None:
    """Forget a reader of its inner works that is in no poller any more."""
    reactor._internalReaders.discard(reader)


def renew_poll(reactor: Any) -> None:
    """Give a PollReactor another poll object."""
    reactor._poller = select.poll()


def renew_file_polling(reactor: Any) -> Any:
    """Give a reactor that has one another poller of files; the old one, or None."""
    polling = getattr(reactor, "_continuousPolling", None)
    if polling is not None:
        reactor._continuousPolling = type(polling)(reactor)
    return polling


def reset_life(reactor: Any) -> None:
    """Do what ``crash`` does, and undo what a ``stop`` has done."""
    if reactor.running:
        reactor.addSystemEventTrigger("during", "startup", reactor._reallyStartRunning)
    reactor._started = reactor.running = False
    reactor._stopped = True
    reactor._justStopped = reactor._startedBefore = False
    reactor._exitSignal = None


def uninstall_signals(reactor: Any) -> None:
    """Put back the signal handlers that were there before its run."""
    reactor._signals.uninstall()


def drop_delayed_calls(reactor: Any) -> None:
    """Empty Twisted's own books of timed calls."""
    reactor._pendingTimedCalls.clear()
    reactor._newTimedCalls.clear()
    reactor._cancellations = 0


def note_pool_start(reactor: Any, start: Any) -> None:
    """Note what ``callWhenRunning`` has returned for the start of its thread pool."""
    reactor._threadpoolStartupID = start
