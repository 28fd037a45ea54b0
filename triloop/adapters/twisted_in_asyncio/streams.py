"""The TCP and UNIX stream transports that a :class:`TornadoReactor` hands out.

They write at once: see :mod:`~triloop.adapters.twisted_in_asyncio.early_writes`.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

from twisted.internet import error, tcp, unix
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST

from triloop.adapters.twisted_in_asyncio.contexts import Accepted, Accepting, Connecting
from triloop.adapters.twisted_in_asyncio.early_writes import OPEN, STREAMED, EarlyWriter
from triloop.adapters.twisted_in_asyncio.log_contexts import keeps_log_context
from triloop.adapters.twisted_in_asyncio.poller import LeanReactor
from triloop.private.twisted import adopt_connection, adopt_port

__all__ = ["StreamReactor"]


class TCPStream(EarlyWriter):
    """A TCP connection with a short path from the socket to its protocol."""

    def doRead(self) -> Any:
        """Pass what the socket has to the protocol; then write what the protocol has answered."""
        try:
            data = self.socket.recv(self.bufferSize)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not data:
            return CONNECTION_LOST if self.failed else CONNECTION_DONE
        self.answer = self.opening
        try:
            self.protocol.dataReceived(data)
        except BaseException:
            self.leave_to_poller()
            raise
        answer, self.answer = self.answer, None
        if answer is OPEN or answer is STREAMED:
            if self._tempDataLen:
                self._send()
        elif self.early is not None:
            self._write_after_read()
        return None

    def write(self, data: bytes) -> None:
        """See :meth:`twisted.internet.interfaces.ITransport.write`."""
        answer = self.answer
        if (answer is OPEN or answer is STREAMED) and data.__class__ is bytes:
            self._tempDataBuffer.append(data)
            self._tempDataLen += len(data)
            if answer is STREAMED and self._tempDataLen > self.bufferSize:
                self._maybePauseProducer()
                self.startWriting()
        else:
            super().write(data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """See :meth:`twisted.internet.interfaces.ITransport.writeSequence`."""
        chunks = iovec if isinstance(iovec, (list, tuple)) else list(iovec)
        try:
            data = b"".join(chunks)
        except TypeError:
            super().writeSequence(chunks)  # it raises the error
        else:
            self.write(data)


@keeps_log_context
class Server(TCPStream, Accepted, tcp.Server):
    """The server's end of a TCP connection."""

    _host: Any = None

    def getHost(self) -> Any:
        """See :meth:`twisted.internet.interfaces.ITCPTransport.getHost`; it stays the same."""
        if self._host is None:
            self._host = super().getHost()
        return self._host


@keeps_log_context
class Client(TCPStream, Connecting, tcp.Client):
    """The client's end of a TCP connection."""


class Port(Accepting, tcp.Port):
    """A listening TCP port."""

    transport = Server


class Connector(tcp.Connector):
    """Connects by TCP."""

    def _makeTransport(self) -> tcp.Client:
        return Client(self.host, self.port, self.bindAddress, self, self.reactor)


class UNIXStream(EarlyWriter):
    """A UNIX connection, which passes descriptors too."""

    _writeSomeDataBase: Any = EarlyWriter

    def writeSomeData(self, data: Any) -> Any:
        """Send descriptors, then data as above."""
        return super(EarlyWriter, self).writeSomeData(data)


@keeps_log_context
class UNIXServer(UNIXStream, Accepted, unix.Server):
    """The server's end of a UNIX connection."""


@keeps_log_context
class UNIXClient(UNIXStream, Connecting, unix.Client):
    """The client's end of a UNIX connection."""


class UNIXPort(Accepting, unix.Port):
    """A listening UNIX port."""

    transport = UNIXServer


class UNIXConnector(unix.Connector):
    """Connects to a UNIX socket."""

    def _makeTransport(self) -> Any:
        return UNIXClient(self.address, self, self.reactor, self.checkPID)


class StreamReactor(LeanReactor):
    """IReactorTCP, IReactorUNIX and IReactorSocket with the transports of this module."""

    def keep_nothing_back(self) -> None:
        """Leave held-back writes to the poller: the present callback may wait for their effect."""
        self.break_off_flush()
        selectable = self._current
        if isinstance(selectable, EarlyWriter) and selectable.answer is not None:
            selectable.leave_to_poller()

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Port:
        """See :meth:`twisted.internet.interfaces.IReactorTCP.listenTCP`."""
        listening = Port(port, factory, backlog, interface, self)
        listening.startListening()
        return listening

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> Connector:
        """See :meth:`twisted.internet.interfaces.IReactorTCP.connectTCP`; timeout in seconds."""
        connector = Connector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    def listenUNIX(
        self,
        address: Any,
        factory: Any,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> UNIXPort:
        """See :meth:`twisted.internet.interfaces.IReactorUNIX.listenUNIX`."""
        listening = UNIXPort(address, factory, backlog, mode, self, wantPID)
        listening.startListening()
        return listening

    def connectUNIX(
        self, address: Any, factory: Any, timeout: float = 30, checkPID: bool = False
    ) -> UNIXConnector:
        """See :meth:`twisted.internet.interfaces.IReactorUNIX.connectUNIX`; timeout in seconds."""
        connector = UNIXConnector(address, factory, timeout, self, checkPID)
        connector.connect()
        return connector

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """See :meth:`twisted.internet.interfaces.IReactorSocket.adoptStreamPort`."""
        self._check_family(addressFamily)
        listening: Any
        if addressFamily == socket.AF_UNIX:
            listening = adopt_port(UNIXPort, self, fileDescriptor, factory)
        else:
            listening = adopt_port(Port, self, fileDescriptor, addressFamily, factory)
        listening.startListening()
        return listening

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """See :meth:`twisted.internet.interfaces.IReactorSocket.adoptStreamConnection`."""
        self._check_family(addressFamily)
        make = self.contexts.make
        if addressFamily == socket.AF_UNIX:
            return make(adopt_connection, UNIXServer, fileDescriptor, factory, self)
        family = addressFamily
        return make(adopt_connection, Server, fileDescriptor, family, factory, self)

    def _check_family(self, family: int) -> None:
        if family not in self._supportedAddressFamilies:
            raise error.UnsupportedAddressFamily(family)
