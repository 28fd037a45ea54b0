"""Conversions between Deferreds, Futures and coroutines, and an ``await`` for each of them.

Conversions carry the result, the same exception object with its traceback, and cancellation in
both directions. After an import of this package Tornado waits for a Deferred that a coroutine
yields or a request handler awaits, and errors about a plain ``await`` name the fix.

Thread rule: all functions belong to the thread of the event loop. Only a
`concurrent.futures.Future` may complete in another thread; its result is delivered in the loop's.
"""

from triloop.awaitables import plain_await, tornado_coroutines, twisted_coroutines
from triloop.awaitables.convertible import Convertible
from triloop.awaitables.decorators import returns_deferred, returns_future
from triloop.awaitables.deferreds import as_deferred
from triloop.awaitables.everywhere import await_anything
from triloop.awaitables.futures import as_future
from triloop.awaitables.waiting import wait

__all__ = [
    "Convertible",
    "as_deferred",
    "as_future",
    "await_anything",
    "returns_deferred",
    "returns_future",
    "wait",
]

plain_await.install()
twisted_coroutines.install()
tornado_coroutines.install()
