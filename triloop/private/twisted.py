"""What Twisted keeps private, or does not offer, and this package needs."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from twisted.internet import defer, tcp
from twisted.internet.base import DelayedCall
from twisted.internet.posixbase import _ContinuousPolling as ContinuousPolling
from twisted.python import threadable

from triloop.private.cpython import running_loop
from triloop.private.reactors import host_loop_of

__all__ = [
    "ContinuousPolling",
    "accept",
    "adopt_connection",
    "adopt_port",
    "is_waited_for",
    "keep_repr",
    "runs_elsewhere",
    "unreported_cancellations",
]

_CANCELLED = (asyncio.CancelledError, defer.CancelledError)


def accept(port: tcp.Port, at_most: int) -> Iterator[tuple[Any, Any]]:
    """The connections that wait at a port, each a socket and an address.

    A process that has no descriptor left turns them away, by the one that Twisted has in reserve.
    """
    with tcp._BuffersLogs(port._logger.namespace, port._logger.observer) as logger:
        yield from tcp._accept(logger, range(at_most), port.socket, tcp._reservedFD)


def adopt_port(kind: Any, *args: Any, **options: Any) -> Any:
    """A port of a class of Twisted's, or one that extends it, on a descriptor that is open."""
    return kind._fromListeningDescriptor(*args, **options)


def adopt_connection(kind: Any, *args: Any) -> Any:
    """A connection of such a class on a descriptor that is open."""
    return kind._fromConnectedSocket(*args)


def keep_repr(call: DelayedCall) -> None:
    """Have a timed call that will lose its function go on to show what it was."""
    private: Any = call
    private._repr = repr(call)


class _DebugInfo(defer.DebugInfo):
    """What Twisted keeps for a Deferred that has failed; one that was cancelled is no news."""

    def __del__(self) -> None:
        if self.failResult is not None and self.failResult.check(*_CANCELLED):
            self.failResult = None
        super().__del__()


@contextlib.contextmanager
def unreported_cancellations() -> Iterator[None]:
    """Keep Deferreds that are cancelled meanwhile from being logged as unhandled errors.

    Twisted has no public way to do this for a Deferred of other code. Other failures are logged as
    usual.
    """
    native = defer.DebugInfo
    defer.DebugInfo = _DebugInfo  # type: ignore[misc]
    try:
        yield
    finally:
        defer.DebugInfo = native  # type: ignore[misc]


def is_waited_for(reactor: Any) -> bool:
    """Whether anything was asked of ``reactor``, which does not run, that is still to come."""
    internal = getattr(reactor, "_internalReaders", ())
    pool = getattr(reactor, "threadpool", None)
    return bool(
        reactor.getDelayedCalls()
        or getattr(reactor, "threadCallQueue", None)
        or [reader for reader in reactor.getReaders() if reader not in internal]
        or reactor.getWriters()
        or not getattr(pool, "started", True)
        or _has_startup_triggers(reactor)
    )


def _has_startup_triggers(reactor: Any) -> bool:
    """Whether any were added, by callWhenRunning for one, to the reactor's own."""
    event = getattr(reactor, "_eventTriggers", {}).get("startup")
    return event is not None and len([*event.before, *event.during, *event.after]) > 1


def runs_elsewhere(reactor: Any) -> bool:
    """Whether ``reactor`` runs in another thread; Twisted knows that of the last one only."""
    if not getattr(reactor, "running", False):
        return False
    if threadable.ioThread in {None, threading.get_ident()}:
        return False
    host = host_loop_of(reactor)
    if host is not None:
        return running_loop() is not host
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_locals.get("self") is not reactor:
        frame = frame.f_back
    return frame is None  # else its run() is under way here
