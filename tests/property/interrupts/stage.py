"""A reactor in which a callback of Twisted's is provoked."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from twisted.internet.protocol import (
    Factory,
    Protocol,
)

__all__ = ["Fail", "Provoke", "Stage", "failing"]

Fail = Callable[[], None]
Provoke = Callable[[], object]


class Stage:
    """Where a callback is provoked: a reactor, and what is to be closed afterwards."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        #: The later calls of the end that fails.
        self.told: list[str] = []
        self.sockets: list[socket.socket] = []
        self._held = contextlib.ExitStack()
        self.folder = Path(self._held.enter_context(tempfile.TemporaryDirectory()))

    def open_file(self) -> IO[bytes]:
        """A file on disk, in the folder of this stage."""
        return self._held.enter_context(tempfile.TemporaryFile(dir=self.folder))

    def close(self) -> None:
        """Close what the reactor, which is shut down, has not closed."""
        for sock in self.sockets:
            sock.close()
        self._held.close()

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """A connection by TCP, both ends in blocking mode."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            far = socket.create_connection(listener.getsockname(), timeout=5)
            near, _ = listener.accept()
        self.sockets += [near, far]
        return near, far

    def adopt(self, protocol: Protocol, near: socket.socket) -> Any:
        """Have the reactor own a copy of ``near``."""
        factory = Factory()
        factory.buildProtocol = lambda addr: protocol  # type: ignore[method-assign]
        transport = self.reactor.adoptStreamConnection(near.fileno(), near.family, factory)
        near.close()
        return transport

    def connect(self, protocol: Protocol) -> socket.socket:
        """A connection with this protocol; return the far end."""
        near, far = self.pair()
        self.adopt(protocol, near)
        return far


def failing(stage: Stage, name: str, fail: Fail, base: type[Any] = Protocol) -> Any:
    """A protocol whose method of this name fails once, and which records its end."""
    told = stage.told

    class Failing(base):  # type: ignore[misc]
        def connectionLost(self, *args: Any) -> None:
            told.append("lost")

        def dataReceived(self, data: bytes) -> None:
            told.append("data")

        def processEnded(self, reason: object) -> None:
            told.append("processEnded")

    method = getattr(Failing, name, None)

    def once(self: Any, *args: Any) -> None:
        told.append(name)
        if told.count(name) == 1:
            fail()
        elif method is not None:
            method(self, *args)

    setattr(Failing, name, once)
    return Failing()
