"""Which loops there are in this process, and which of them owns the wake-up descriptor."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from typing import Any

from triloop.adapters.twisted_in_asyncio.host import named
from triloop.origins import described
from triloop.private.reactors import internal_readers

__all__ = ["open_loops", "wakeup_owner"]


def open_loops() -> list[asyncio.AbstractEventLoop]:
    """All asyncio loops of this process that are open, of any library."""
    found = [each for each in gc.get_objects() if isinstance(each, asyncio.AbstractEventLoop)]
    return [loop for loop in found if not loop.is_closed()]


def wakeup_owner(fd: int) -> str | None:
    """Name the loop or the reactor that signals are to wake by a descriptor.

    Args:
        fd: The descriptor that ``signal.set_wakeup_fd`` was given.

    Returns:
        None if it belongs to neither, or is closed.
    """
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is not None:
        wakers = internal_readers(reactor)
        if any(_writes_to(each) == fd for each in wakers):
            return described(reactor).rstrip(",")
    return next((named(loop) for loop in open_loops() if _has_socket(loop, fd)), None)


def _writes_to(reader: Any) -> int:
    """The end that a waker writes to: Twisted's as `o`; -1 for other readers."""
    ours = getattr(reader, "writing_fileno", None)
    return int(getattr(reader, "o", -1) if ours is None else ours())


def _has_socket(owner: object, fd: int) -> bool:
    """Whether an attribute of a loop is the socket; the collector knows uvloop's."""
    held = [*gc.get_referents(owner), *getattr(owner, "__dict__", {}).values()]
    return any(isinstance(each, socket.socket) and each.fileno() == fd for each in held)
