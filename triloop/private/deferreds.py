"""The private parts of Twisted's Deferreds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = [
    "ReturnValue",
    "canceller_of",
    "count_as_handled",
    "drive",
    "replace_drive",
    "twisteds_drive",
]

_module: Any = defer
_Drive = Callable[[Any], "Deferred[Any]"]

#: What ``returnValue()`` raises.
ReturnValue: Any = _module._DefGen_Return


def drive(coroutine: Any) -> Deferred[Any]:
    """Run a coroutine or generator to its end by the function that Twisted runs them by."""
    driven: Deferred[Any] = _module._cancellableInlineCallbacks(coroutine)
    return driven


def twisteds_drive() -> _Drive:
    """The function that does so at present."""
    present: _Drive = _module._cancellableInlineCallbacks
    return present


def replace_drive(function: _Drive) -> None:
    """Put ``function`` in its place: ``inlineCallbacks`` and all that is built on it use that."""
    _module._cancellableInlineCallbacks = function


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
