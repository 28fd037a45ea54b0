"""The private parts of Twisted's Deferreds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = [
    "DEFERRED_CLASSES",
    "ReturnValue",
    "count_as_handled",
    "drive",
    "replace_drive",
    "twisteds_drive",
    "what_fires",
]

_module: Any = defer
_Drive = Callable[[Any], "Deferred[Any]"]

#: What ``returnValue()`` raises.
ReturnValue: Any = _module._DefGen_Return

#: Twisted's class and its subclasses. ``type(x) in DEFERRED_CLASSES`` is what Twisted itself does
#: where ``isinstance(x, Deferred)`` costs too much: the class is an abstract one.
DEFERRED_CLASSES: list[type] = _module._DEFERRED_SUBCLASSES

_DeferredList: Any = _module.DeferredList
_CancellationStatus: Any = _module._CancellationStatus


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


def what_fires(deferred: Deferred[Any]) -> list[Any]:
    """What ``deferred`` waits for, as far as it shows.

    That is another Deferred at whose result it waits, or those of a DeferredList; the object that
    its canceller is a method of, or what its canceller has of Futures; for a coroutine or generator
    that Twisted drives, the Deferred that this one waits for.
    """
    if deferred._chainedTo is not None:
        return [deferred._chainedTo]
    if isinstance(deferred, _DeferredList):
        parts: Any = deferred
        return list(parts._deferredList)
    canceller: Any = deferred._canceller
    if canceller is None:
        return []
    held = [cell.cell_contents for cell in getattr(canceller, "__closure__", None) or ()]
    waits_for = [one.waitingOn for one in held if isinstance(one, _CancellationStatus)]
    futures = [one for one in held if isinstance(one, asyncio.Future)]
    return [getattr(canceller, "__self__", None), *waits_for, *futures]
