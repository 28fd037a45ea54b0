"""The state that the loops and reactors of all threads of a process share.

Each thread may have a loop and a reactor of its own. This is safe without an interpreter lock.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Registry", "deciding"]

T = TypeVar("T")


class Registry(Generic[T]):
    """A set of weak references to objects, for use in any thread.

    A WeakSet cannot be iterated over while another thread adds to it. Each step here is one
    operation of a built-in set, which is atomic.
    """

    def __init__(self) -> None:
        self._references: set[weakref.ref[T]] = set()

    def add(self, item: T) -> None:
        """Add ``item``, which has to be hashable and to allow weak references."""
        self._references.add(weakref.ref(item, self._references.discard))

    def discard(self, item: T) -> None:
        """Remove ``item`` if it is there."""
        self._references.discard(weakref.ref(item))

    def __contains__(self, item: T) -> bool:
        return weakref.ref(item) in self._references

    def __iter__(self) -> Iterator[T]:
        """Iterate over the present items."""
        for reference in self._references.copy():
            item = reference()
            if item is not None:
                yield item


#: Held by a thread that reads a registry and then adds to it what depends on the result. There
#: is no fork while it is held, so it is free in every child.
deciding = threading.RLock()
os.register_at_fork(
    before=deciding.acquire, after_in_parent=deciding.release, after_in_child=deciding.release
)
