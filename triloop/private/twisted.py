"""What Twisted keeps private, or does not offer, and this package needs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from twisted.internet import defer

__all__ = ["unreported_cancellations"]

_CANCELLED = (asyncio.CancelledError, defer.CancelledError)


class _DebugInfo(defer.DebugInfo):
    """What Twisted keeps for a Deferred that has failed; one that was cancelled is no news."""

    def __del__(self) -> None:
        if self.failResult is not None and self.failResult.check(*_CANCELLED):
            self.failResult = None
        super().__del__()


@contextlib.contextmanager
def unreported_cancellations() -> Iterator[None]:
    """Have no Deferred that fails meanwhile, by a cancellation, log that nobody has handled it.

    Twisted has no public way to say so of a Deferred that somebody else holds. Other failures are
    logged as ever.
    """
    native = defer.DebugInfo
    defer.DebugInfo = _DebugInfo  # type: ignore[misc]
    try:
        yield
    finally:
        defer.DebugInfo = native  # type: ignore[misc]
