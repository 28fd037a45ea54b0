"""What an engine asks of the loop that it is on."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextvars import Context
from typing import Any, Protocol

from triloop.protocol import Callback, Cancellable

__all__ = ["Loop", "WeakLoop"]


class Loop(Protocol):
    """The part of `triloop.protocol.Host` that a resolver needs."""

    def watch(self, fd: int, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.watch`."""

    def call_later(self, delay: float, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.call_later`."""

    def call_soon(self, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.call_soon`."""


class WeakLoop:
    """A loop that others keep alive.

    What it is asked for runs in an empty context: a question may serve many, and none of them
    shall lend it a context, nor have its own kept alive by it.

    Args:
        owner: An asyncio loop, or a Twisted reactor.
        as_loop: Makes a `Loop` of it.
    """

    def __init__(self, owner: Any, as_loop: Callable[[Any], Loop]) -> None:
        self._owner = weakref.ref(owner)
        self._as_loop = as_loop

    def _loop(self) -> Loop:
        owner = self._owner()
        assert owner is not None  # it is what calls
        return self._as_loop(owner)

    def watch(self, fd: int, callback: Callback) -> Cancellable:
        """See `Loop.watch`."""
        return Context().run(self._loop().watch, fd, callback)

    def call_later(self, delay: float, callback: Callback) -> Cancellable:
        """See `Loop.call_later`."""
        return Context().run(self._loop().call_later, delay, callback)

    def call_soon(self, callback: Callback) -> Cancellable:
        """See `Loop.call_soon`."""
        return Context().run(self._loop().call_soon, callback)
