"""What a process has several of, in any of its threads: its reactors and its loops.

Each thread may have a loop and a reactor of its own. What is here is all that they share; it needs
no interpreter lock.
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
    """A set of objects that it does not keep alive, for use in any thread.

    A WeakSet that another thread adds to cannot be iterated over. Each step here is one operation
    of a built-in set, which is atomic.
    """

    def __init__(self) -> None:
        self._references: set[weakref.ref[T]] = set()

    def add(self, item: T) -> None:
        """Add ``item``, which is hashable and can be referred to weakly."""
        self._references.add(weakref.ref(item, self._references.discard))

    def discard(self, item: T) -> None:
        """Remove ``item`` if it is there."""
        self._references.discard(weakref.ref(item))

    def __contains__(self, item: T) -> bool:
        return weakref.ref(item) in self._references

    def __iter__(self) -> Iterator[T]:
        """Iterate over what is there now."""
        for reference in self._references.copy():
            item = reference()
            if item is not None:
                yield item


#: Held by a thread that looks what is registered, and registers something by what it has seen.
#: No fork happens meanwhile, so a child never finds it held.
deciding = threading.RLock()
os.register_at_fork(
    before=deciding.acquire, after_in_parent=deciding.release, after_in_child=deciding.release
)
