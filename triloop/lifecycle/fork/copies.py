"""The child's copies of its parent's descriptors, closed at the first use of a loop or reactor.

While a child holds a copy of a connection, the peer does not notice that the parent closes it. But
the child may exist to run another program and to pass on just these descriptors. So the copies are
closed when the child first uses a loop or a reactor, before anything else.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from collections.abc import Callable
from typing import Any

__all__ = ["close_at_use", "close_copies", "close_socket", "count_open", "is_inherited"]

#: Called at the first use of a loop or a reactor.
_closers: list[Callable[[], object]] = []
#: The files that were open when this child began, by number.
_open: dict[int, tuple[int, int]] = {}


def count_open() -> None:
    """Record what is open when a child begins: a number may belong to another file later."""
    _open.clear()
    with contextlib.suppress(OSError):
        for name in os.listdir("/dev/fd"):  # noqa: PTH208 - one for each connection
            with contextlib.suppress(OSError):  # the descriptor of the listing, closed by now
                _open[int(name)] = _identity(int(name))


def is_inherited(fd: int) -> bool:
    """Whether ``fd`` was open when this child began, and is the same file."""
    try:
        return fd in _open and _open[fd] == _identity(fd)
    except OSError:
        return False


def _identity(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def close_at_use(close: Callable[..., object], *args: Any) -> None:
    """Call ``close(*args)`` when this child first uses a loop or a reactor."""
    _closers.append(functools.partial(close, *args))


def close_copies() -> None:
    """Close the copies, now that a loop or a reactor is used. Idempotent."""
    closers = _closers[:]
    _closers.clear()
    for close in closers:
        close()


def close_socket(held: socket.socket) -> None:
    """Close ``held``, unless its number belongs to another file by now."""
    if is_inherited(held.fileno()):
        held.close()
    else:
        held.detach()
