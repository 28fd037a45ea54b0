"""What this package needs of Twisted and Twisted has no public name for."""

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
from triloop.registry import deciding

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

    A process without a free descriptor refuses them, by the descriptor that Twisted has in reserve.
    """
    with tcp._BuffersLogs(port._logger.namespace, port._logger.observer) as logger:
        yield from tcp._accept(logger, range(at_most), port.socket, tcp._reservedFD)


def adopt_port(kind: Any, *args: Any, **options: Any) -> Any:
    """Make a port of one of Twisted's classes, or a subclass, on an open descriptor."""
    return kind._fromListeningDescriptor(*args, **options)


def adopt_connection(kind: Any, *args: Any) -> Any:
    """Make a connection of such a class on an open descriptor."""
    return kind._fromConnectedSocket(*args)


def keep_repr(call: DelayedCall) -> None:
    """Keep the repr of a timed call whose function is about to be dropped."""
    private: Any = call
    private._repr = repr(call)


_TwistedsDebugInfo = defer.DebugInfo
#: Those that keep Twisted's from being used, in several threads.
_silencing: list[object] = []


class _DebugInfo(_TwistedsDebugInfo):
    """Reports a Deferred that has failed, as Twisted does, unless it was cancelled."""

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
    this = object()
    with deciding:
        _silencing.append(this)
        defer.DebugInfo = _DebugInfo  # type: ignore[misc]
    try:
        yield
    finally:
        with deciding:
            _silencing.remove(this)
            if not _silencing:
                defer.DebugInfo = _TwistedsDebugInfo  # type: ignore[misc]


def is_waited_for(reactor: Any) -> bool:
    """Whether anything waits for ``reactor``, which does not run: calls, descriptors, threads."""
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
    """Whether startup triggers were added to the reactor's own, for example by callWhenRunning."""
    event = getattr(reactor, "_eventTriggers", {}).get("startup")
    return event is not None and len([*event.before, *event.during, *event.after]) > 1


def runs_elsewhere(reactor: Any) -> bool:
    """Whether ``reactor`` runs in another thread.

    Twisted records the thread of the reactor that was started last only.
    """
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
    return frame is None  # otherwise its run() is on this stack
