"""What Twisted keeps private of a Deferred."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["canceller_of", "count_as_handled"]


def count_as_handled(deferred: Deferred[Any], failure: Failure) -> None:
    """Leave ``failure`` with ``deferred``, but do not have it reported as unhandled.

    Called when the callbacks of ``deferred`` have run. It is what Twisted's own ``await`` does
    with a Deferred that has failed already.
    """
    info = deferred._debugInfo
    if info is not None and info.failResult is failure:
        info.failResult = None


def canceller_of(deferred: Deferred[Any]) -> Callable[..., object] | None:
    """The canceller of ``deferred``, or of the Deferred that it waits for."""
    while deferred._chainedTo is not None:
        deferred = deferred._chainedTo
    return deferred._canceller
