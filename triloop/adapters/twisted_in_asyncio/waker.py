"""Wakes a reactor from another thread or a signal handler, also while the reactor is closed."""

from __future__ import annotations

import contextlib
import socket

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

__all__ = ["Waker"]


@implementer(IReadDescriptor)
class Waker:
    """A socket pair that the reactor reads and other threads write to.

    Twisted's own is a pair of descriptor numbers, for a reactor that never closes it: a late thread
    would write to whichever file has the number by then. A closed socket object raises instead.
    """

    disconnected = False

    def __init__(self) -> None:
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)

    def fileno(self) -> int:
        """The end that becomes readable; -1 once closed."""
        return self._reading.fileno()

    def writing_fileno(self) -> int:
        """The end to which each byte is written to wake the reactor; -1 once closed."""
        return self._writing.fileno()

    def logPrefix(self) -> str:
        """Twisted's name for it in the log."""
        return "-"

    def wakeUp(self) -> None:
        """Make the reactor's poller return. From any thread, and from signal handlers."""
        try:
            self._writing.send(b"\0")
        except BlockingIOError:
            pass  # full of wakes that have not been read yet
        except OSError:
            if not self.disconnected:
                raise

    def doRead(self) -> None:
        """Drop the bytes: every turn checks for calls of other threads anyway."""
        with contextlib.suppress(BlockingIOError):
            self._reading.recv(4096)

    def connectionLost(self, reason: object) -> None:
        """Close both ends. Idempotent."""
        self.disconnected = True
        self._reading.close()
        self._writing.close()
