"""The common event protocol: what a guest loop owes its host, and a host its guest.

A *guest* is a whole event loop that runs inside another, its *host*. The host needs one pollable
descriptor, one deadline and one method to call. No framework is imported here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["Callback", "Cancellable", "Guest", "Host"]

Callback = Callable[[], object]


class Cancellable(Protocol):
    """A request to a host that can be cancelled."""

    def cancel(self) -> object:
        """Cancel the request: its callback is not called any more. Idempotent."""


class Guest(Protocol):
    """An event loop that another loop runs, one turn at a time.

    The guest calls the ``wake`` that :class:`~triloop.embedding.Embedding` gives it whenever
    work is scheduled on it from outside a turn.
    """

    def fileno(self) -> int:
        """The descriptor of the guest's poller: readable when any I/O of the guest is."""

    def deadline(self) -> float | None:
        """Seconds until the guest must be turned.

        0 means that work is ready now, None that the guest waits for I/O only.
        """

    def turn(self) -> float | None:
        """Run all that is ready, without blocking; return the :meth:`deadline` after it.

        The guest reports errors of the application's code itself. An exception that does leave a
        turn (KeyboardInterrupt, SystemExit, a failure of the poller) ends the host's run.
        """

    @property
    def suspend(self) -> Callback | None:
        """Prepare for turns within the one that is under way; None: the guest cannot nest turns.

        Called in the middle of a turn, when a native loop that the guest's own work runs (a modal
        dialog, say) is about to turn the guest. No work may be kept for the rest of the suspended
        turn: the next turns, and the deadline, have to find all work that remains. It runs none of
        the application's code.
        """


class Host(Protocol):
    """The event loop that owns the thread.

    It may keep a copy of the contextvars context in which a method is called, and run the callback
    in it: the engine calls in an empty one.

    All methods but :meth:`call_soon_threadsafe` belong to the host's own thread.
    """

    @property
    def nests(self) -> bool:
        """Whether this loop may run within one of its own callbacks, as GUI loops do."""

    def watch(self, fd: int, callback: Callback) -> Cancellable:
        """Call ``callback`` every time ``fd`` is found readable (level-triggered)."""

    def call_later(self, delay: float, callback: Callback) -> Cancellable:
        """Call ``callback`` once, ``delay`` seconds from now; at most one clock tick early."""

    def call_soon(self, callback: Callback) -> Cancellable:
        """Call ``callback`` once, when the host has polled its own I/O again."""

    def call_soon_threadsafe(self, callback: Callback) -> object:
        """As :meth:`call_soon`, from any thread; wakes the host at once."""

    def interrupt(self, reason: BaseException) -> None:
        """End the run of this host; the call that started the run raises ``reason``."""
