"""The part of a loop that an engine uses."""

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
    """A weak reference to a loop, which other code keeps alive.

    Callbacks run in an empty context: one question may serve many callers, so it must not run in
    the context of one of them, or keep that alive.

    Args:
        owner: An asyncio loop, or a Twisted reactor.
        as_loop: Makes a `Loop` of it.
    """

    def __init__(self, owner: Any, as_loop: Callable[[Any], Loop]) -> None:
        self._owner = weakref.ref(owner)
        self._as_loop = as_loop

    def _loop(self) -> Loop:
        owner = self._owner()
        assert owner is not None  # it is calling
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
