"""The common event protocol: what a guest loop owes its host, and a host its guest.

A *guest* is a whole event loop that runs inside another. All that its *host* has to know of
it is one pollable descriptor, one deadline and one thing to call. No framework is imported
here: Twisted, Tornado and asyncio meet in these few names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["Callback", "Cancellable", "Guest", "Host"]

Callback = Callable[[], object]


class Cancellable(Protocol):
    """Something that was asked for and may be taken back."""

    def cancel(self) -> object:
        """Take the request back: its callback is not called any more. Idempotent."""


class Guest(Protocol):
    """An event loop that is run by somebody else, a turn at a time.

    The guest calls the ``wake`` that :class:`~triloop.embedding.Embedding` gives it whenever
    work is scheduled on it from outside a turn.
    """

    def fileno(self) -> int:
        """The descriptor of the guest's poller: readable when any I/O of the guest is."""

    def deadline(self) -> float | None:
        """Seconds until the guest must be turned.

        0 means that work is ready now, None that nothing but I/O can wake it.
        """

    def turn(self) -> None:
        """Run all that is ready, without blocking.

        Errors of the application's code are the guest's own to report. What does leave a
        turn (KeyboardInterrupt, SystemExit, a poller that broke) is for whoever runs.
        """

    @property
    def suspend(self) -> Callback | None:
        """Make ready for turns within the one that is under way; None: there can be none.

        Called in the middle of a turn, when a native loop that the guest's own work runs (a modal
        dialog, say) is about to turn the guest. Nothing may be kept for the rest of the suspended
        turn: the turns to come, and the deadline, have to find all that is left to do. It runs
        none of the application's code.
        """


class Host(Protocol):
    """The event loop that owns the thread.

    It may keep a copy of the contextvars context in which it is asked for something, and call back
    in that: the engine asks in an empty one.

    All but :meth:`call_soon_threadsafe` are for the host's own thread.
    """

    @property
    def nests(self) -> bool:
        """Whether this loop may run within one of its own callbacks, as GUI loops do."""

    def watch(self, fd: int, callback: Callback) -> Cancellable:
        """Call ``callback`` every time ``fd`` is found readable (level-triggered)."""

    def call_later(self, delay: float, callback: Callback) -> Cancellable:
        """Call ``callback`` once, ``delay`` seconds from now, early by a hair at the most."""

    def call_soon(self, callback: Callback) -> Cancellable:
        """Call ``callback`` once, when the host has polled its own I/O again."""

    def call_soon_threadsafe(self, callback: Callback) -> object:
        """As :meth:`call_soon`, from any thread; wakes the host at once."""

    def interrupt(self, reason: BaseException) -> None:
        """End the run of this host and let ``reason`` leave through whoever started it."""
