"""An asyncio loop as a host: stock, uvloop, qasync, Tornado's, any that has ``add_reader``."""

from __future__ import annotations

import asyncio

from triloop.protocol import Callback, Cancellable

__all__ = ["AsyncioHost"]


#: Whose ``run_forever`` refuses to run within itself. The loops of GUIs do not, nor do those that
#: nest_asyncio has patched.
_NEVER_NESTED = ("asyncio.", "uvloop.", "triloop.")


class _Reader:
    """A descriptor watched on a loop."""

    __slots__ = ("_fd", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int, callback: Callback) -> None:
        self._loop = loop
        self._fd = fd
        loop.add_reader(fd, callback)

    def cancel(self) -> None:
        # A closed loop has forgotten its readers, and would rather raise than say so.
        if not self._loop.is_closed():
            self._loop.remove_reader(self._fd)


class AsyncioHost:
    """A :class:`~triloop.protocol.Host` that is an asyncio loop.

    :param loop: any loop with ``add_reader``; it may run, or be run later.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.nests = not type(loop).run_forever.__module__.startswith(_NEVER_NESTED)
        self.call_soon = loop.call_soon
        self.call_later = loop.call_later
        self.call_soon_threadsafe = loop.call_soon_threadsafe

    def watch(self, fd: int, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.watch`."""
        return _Reader(self.loop, fd, callback)

    def interrupt(self, reason: BaseException) -> None:
        """Raise ``reason``: out of an asyncio callback it leaves through ``run_forever``."""
        raise reason
