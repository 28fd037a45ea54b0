"""Servers that send or take 100 MiB, as Twisted's users write them."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.protocols.basic import FileSender
from zope.interface import implementer

from benchmarks.jobs import KIB, PART, TRANSFER
from benchmarks.twisted_services import listen

__all__ = ["pull", "push", "upload"]

_CHUNK = bytes(64 * KIB)


class Pull(Protocol):
    """Sends a file, of which the transport asks for one chunk at a time."""

    def connectionMade(self) -> None:
        """See :meth:`twisted.internet.interfaces.IProtocol.connectionMade`."""
        self._file = os.fdopen(os.memfd_create("file"), "rb")
        os.truncate(self._file.fileno(), TRANSFER)

    def dataReceived(self, data: bytes) -> None:
        """See :meth:`twisted.internet.interfaces.IProtocol.dataReceived`."""
        self._file.seek(0)
        FileSender().beginFileTransfer(self._file, self.transport)

    def connectionLost(self, reason: Any = None) -> None:
        """See :meth:`twisted.internet.interfaces.IProtocol.connectionLost`."""
        self._file.close()


@implementer(IPushProducer)
class Push(Protocol):
    """Writes on until the transport has enough."""

    _left = 0
    _paused = False

    def dataReceived(self, data: bytes) -> None:
        """See :meth:`twisted.internet.interfaces.IProtocol.dataReceived`."""
        self._left = TRANSFER
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]
        self.resumeProducing()

    def pauseProducing(self) -> None:
        """See :meth:`twisted.internet.interfaces.IPushProducer.pauseProducing`."""
        self._paused = True

    def stopProducing(self) -> None:
        """See :meth:`twisted.internet.interfaces.IProducer.stopProducing`."""
        self._left = 0

    def resumeProducing(self) -> None:
        """See :meth:`twisted.internet.interfaces.IPushProducer.resumeProducing`."""
        transport: Any = self.transport
        self._paused = False
        while self._left and not self._paused:
            self._left -= len(_CHUNK)
            transport.write(_CHUNK)
        if not self._left:
            transport.unregisterProducer()


class Upload(Protocol):
    """Takes all that comes, and answers each part with a byte."""

    _left = PART

    def dataReceived(self, data: bytes) -> None:
        """See :meth:`twisted.internet.interfaces.IProtocol.dataReceived`."""
        self._left -= len(data)
        if not self._left:
            self._left = PART
            self.transport.write(b".")  # type: ignore[union-attr]


def pull(reactor: Any) -> int:
    """A file; the port."""
    return listen(reactor, Pull)


def push(reactor: Any) -> int:
    """Writes of 64 KiB; the port."""
    return listen(reactor, Push)


def upload(reactor: Any) -> int:
    """A Protocol; the port."""
    return listen(reactor, Upload)
