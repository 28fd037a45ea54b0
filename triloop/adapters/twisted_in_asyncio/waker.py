"""Wakes a reactor from another thread or a signal handler, also while the reactor is closed."""

from __future__ import annotations

import os
from io import FileIO

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from triloop.adapters.twisted_in_asyncio.log_contexts import keeps_log_context

__all__ = ["Waker"]


@keeps_log_context
@implementer(IReadDescriptor)
class Waker:
    """A pipe that the reactor reads and other threads write to.

    Twisted's own is a pair of descriptor numbers, for a reactor that never closes it: a late thread
    would write to whichever file has the number by then. A closed file object raises instead.
    """

    disconnected = False
    logstr = "-"

    def __init__(self) -> None:
        reading, writing = os.pipe()
        self._reading, self._writing = FileIO(reading, "r"), FileIO(writing, "w")
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        self._dropped = bytearray(4096)

    def fileno(self) -> int:
        """The end that becomes readable; -1 once closed."""
        return -1 if self.disconnected else self._reading.fileno()

    def writing_fileno(self) -> int:
        """The end to which each byte is written to wake the reactor; -1 once closed."""
        return -1 if self.disconnected else self._writing.fileno()

    def logPrefix(self) -> str:
        """Twisted's name for it in the log."""
        return self.logstr

    def wakeUp(self) -> None:
        """Make the reactor's poller return. From any thread, and from signal handlers."""
        try:
            self._writing.write(b"\0")  # a full pipe takes no more, and wakes the reactor anyway
        except (OSError, ValueError):
            if not self.disconnected:
                raise

    def doRead(self) -> None:
        """Drop the bytes: every turn checks for calls of other threads anyway."""
        self._reading.readinto(self._dropped)

    def connectionLost(self, reason: object) -> None:
        """Close both ends. Idempotent."""
        self.disconnected = True
        self._reading.close()
        self._writing.close()
