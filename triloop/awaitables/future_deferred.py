"""The Deferred of a Future."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from triloop.private.deferreds import DEFERRED_CLASSES

__all__ = ["FutureDeferred"]


class _Cancellable(Protocol):
    def cancel(self) -> object: ...


class FutureDeferred(Deferred[Any]):
    """Fires with the outcome of a Future.

    Cancelling it only asks the Future to end, and it fires when that has ended: a Task may take
    time, or refuse. So it may be cancelled more than once.
    """

    #: The Future, until its outcome has been taken.
    future: asyncio.Future[Any] | None
    #: What is cancelled: the Future or what runs it; later, a Deferred that was its result.
    source: _Cancellable | None

    @classmethod
    def of(cls, future: asyncio.Future[Any], source: _Cancellable | None = None) -> FutureDeferred:
        """Make one; it has fired if the Future is done.

        Args:
            future: The Future.
            source: What is to be cancelled in its place.
        """
        deferred = cls()
        deferred.future = future
        deferred.source = future if source is None else source
        if future.done():
            deferred.deliver(future)
        else:
            future.add_done_callback(deferred.deliver)
        return deferred

    def cancel(self) -> None:
        """Cancel what it waits for."""
        if self.called or self.source is None:
            super().cancel()
        else:
            self.source.cancel()

    def deliver(self, future: asyncio.Future[Any]) -> None:
        """Fire, unless that has been done: the Future is done."""
        if self.future is None:
            return
        self.future = self.source = None
        try:
            error = future.exception()
        except asyncio.CancelledError as cancelled:
            self.errback(Failure(defer.CancelledError(*cancelled.args)))
            return
        if error is not None:
            self.errback(Failure(error))
            return
        result = future.result()
        if type(result) in DEFERRED_CLASSES:
            self.source = result
            result.addBoth(self.callback)
        else:
            self.callback(result)
