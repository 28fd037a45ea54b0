"""The TCP and UNIX stream transports that a :class:`TornadoReactor` hands out.

They are Twisted's own, with one difference: what a callback writes is sent as soon as that
callback has returned, not after a round through the poller. Twisted asks to be told that the
socket is writable (one ``epoll_ctl``), waits, writes, and takes the request back (another one);
the socket of a connection that is not flooded is writable all the time.

It is ``doWrite`` that is called early, and from the reactor, never from within ``write``. So
everything keeps its order and its meaning: several writes of one callback leave in one ``send``;
producers, half-close, ``loseConnection``, TLS and passed descriptors work as ever. Where the
kernel does not take it all, the rest waits for the poller as before.

So does what the kernel refuses. That a send fails says nothing of what the peer has sent before,
and the poller reads before it writes. The connection ends when a polled write fails too and there
is nothing left to read.

What a protocol writes while it is handed what was read, its *answer*, is not even wished for
where nothing else is under way; the end of ``doRead`` knows of it:

::

    answer    | meaning                                | write                | startWriting
    ----------+----------------------------------------+----------------------+-------------
    None      | no doRead is under way                 | buffers, then wishes | with a batch
    BUFFERED  | the end of doRead grants wishes        | buffers, then wishes | at that end
    OPEN      | it writes out whatever there is        | buffers              | BUFFERED
    STREAMED  | the same, with a streaming producer    | buffers, may pause   | BUFFERED
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet import error, tcp, unix
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python import log
from twisted.python.failure import Failure

from triloop.adapters.twisted_in_asyncio.contexts import Accepted, Accepting, Connecting, InContext
from triloop.adapters.twisted_in_asyncio.dispatch import LeanReactor, keeps_log_context

__all__ = ["EarlyWriter", "StreamReactor"]

#: The socket, or the kernel, has no room at present.
_FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)

#: An early write that is due at the end of the connection's own doRead.
_OWN = object()

#: What becomes of an answer: see the table above.
_BUFFERED, _OPEN, _STREAMED = object(), object(), object()


class EarlyWriter(InContext, tcp.Connection):
    """A connection whose ``doWrite`` is called early, before the poller is bothered.

    Where its wish to write stands is one of three: it has none; it is *early*, to be granted at
    the end of its own ``doRead`` or with a batch of the reactor's; or it is *polled*.
    """

    reactor: Any

    #: What will grant the wish early: ``_OWN``, a batch of the reactor's, or nothing.
    early: object | None = None
    #: Whether the poller will grant it.
    polled = False
    #: See the table above.
    answer: object | None = None
    #: What ``answer`` is at the beginning of ``doRead``: ``_BUFFERED`` until a write went straight
    #: through, and again when one does not, or when a producer or TLS comes between.
    opening: object = _BUFFERED
    #: Whether a send has met the error of the socket, which tells it only once: the end of what can
    #: be read is no clean one then.
    failed = False
    #: Descriptors that wait to be passed with the next bytes; on UNIX connections only.
    _sendmsgQueue: Any = ()

    def startWriting(self) -> None:
        """Have ``doWrite`` called: once now, and then whenever the socket is writable."""
        self.opening = _BUFFERED
        if self.polled or self.early is not None:
            return
        if self.answer is not None:
            self.answer = _BUFFERED
            self.early = _OWN
        elif self.connected:
            self.early = self.reactor.write_early(self)
        else:
            self._poll()

    def stopWriting(self) -> None:
        """Have ``doWrite`` called no more."""
        self.early = None
        if self.answer is not None:
            self.answer = _BUFFERED
        if self.polled:
            self.polled = False
            self.reactor.removeWriter(self)

    def _poll(self) -> None:
        self.opening = _BUFFERED
        self.early = None
        self.reactor.addWriter(self)
        self.polled = True

    def _close_answer(self) -> None:
        """Keep what was written apart from what comes now, which changes what a write means."""
        self.opening = _BUFFERED
        if self.answer is _OPEN or self.answer is _STREAMED:
            self.answer = _BUFFERED
            if self._tempDataLen:
                self.startWriting()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """See :meth:`twisted.internet.interfaces.IConsumer.registerProducer`."""
        self._close_answer()
        super().registerProducer(producer, streaming)

    def startTLS(self, *args: Any, **kw: Any) -> None:
        """See :meth:`twisted.internet.interfaces.ITLSTransport.startTLS`."""
        self._close_answer()
        super().startTLS(*args, **kw)

    def doRead(self) -> Any:
        """As Twisted's; then write what the protocol has answered."""
        self.answer = _BUFFERED
        try:
            why = super().doRead()
        except BaseException:
            self.leave_to_poller()
            raise
        self.answer = None
        if why is None and self.early is not None:
            self._write_after_read()
        return CONNECTION_LOST if why is CONNECTION_DONE and self.failed else why

    def _write_after_read(self) -> None:
        """Write out at the end of ``doRead``, but not as its result: it is no end of reading.

        What was written before the poll is polled, too, by now.
        """
        answers = self.early is _OWN
        why = self.write_out(self.early)
        if not why and self.polled and not answers:
            why = self.doWrite()
        if why:
            self.reactor.lose(self, why, False)

    def leave_to_poller(self) -> None:
        """Have the poller see to what was written in a ``doRead`` that does not end as it should.

        It fails, perhaps by an interrupt; or the reactor is iterated within it.
        """
        self._close_answer()
        self.answer = None
        if self.early is _OWN:
            self._poll()

    def write_out(self, granted: object | None) -> Any:
        """Write early what there is; why the connection is lost, if it is.

        :param granted: the value of ``early`` that led here.
        """
        producer = self.producer
        if (
            self.dataBuffer
            or self.disconnecting
            or self._writeDisconnecting
            or (producer is not None and (not self.streamingProducer or self.producerPaused))
            or self._aborting
            or self._sendmsgQueue
            or not self._tempDataLen
        ):
            return self._write_out_in_full(granted)
        self.early = None
        if not self.TLS and not self._writeDisconnected:
            self.opening = _OPEN if producer is None else _STREAMED
        self._send()
        return None

    def _write_out_in_full(self, granted: object | None) -> Any:
        """Write early where more than a send is due. What is left to write is polled."""
        try:
            return None if self._sendmsgQueue else self.doWrite()
        finally:
            if self.early is granted:
                self._poll()

    def _send(self) -> None:
        """Send now what was written, as much as can be.

        There is something, and nothing is left of earlier sends.
        """
        chunks = self._tempDataBuffer
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._tempDataLen = 0
        try:
            sent = self.socket.send(data)
        except OSError as problem:
            self._may_send_later(problem)
            sent = 0
        if sent != len(data):
            self.dataBuffer = data
            self.offset = sent
            self._poll()

    def doWrite(self) -> Any:
        """As Twisted's, but what fails early is left to the poller, and input comes first.

        A producer that is interrupted is asked again when the loop is run on.
        """
        producer = self.producer
        asks = producer is not None and (not self.streamingProducer or self.producerPaused)
        try:
            why = super().doWrite()
        except (KeyboardInterrupt, SystemExit):
            if asks and self.producer is producer:
                self.producerPaused = self.streamingProducer
                self.startWriting()
            raise
        if why is CONNECTION_LOST and (self.early is not None or self.owes_input()):
            return None
        return why

    def readConnectionLost(self, reason: Any) -> None:
        """See :meth:`twisted.internet.interfaces.IHalfCloseableDescriptor.readConnectionLost`."""
        protocol = IHalfCloseableProtocol(self.protocol, None)
        if protocol is None:
            self.connectionLost(reason)
        else:
            self._tell(protocol.readConnectionLost)

    def _closeWriteConnection(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        protocol = IHalfCloseableProtocol(self.protocol, None)
        if protocol is not None:
            self._tell(protocol.writeConnectionLost)

    def _tell(self, half_closed: Callable[[], object]) -> None:
        """Tell the protocol of the end of a direction; its failure ends the connection."""
        try:
            half_closed()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - the application's; it is logged
            failure = Failure()
            log.err(failure)
            self.connectionLost(failure)

    def writeSomeData(self, data: Any) -> Any:
        """See :meth:`twisted.internet.abstract.FileDescriptor.writeSomeData`."""
        try:
            return self.socket.send(memoryview(data)[: self.SEND_LIMIT])
        except OSError as problem:
            return 0 if self._may_send_later(problem) else CONNECTION_LOST

    def _may_send_later(self, problem: OSError) -> bool:
        """Take note of the failure of a send."""
        if problem.errno in _FULL:
            return True
        # A broken pipe leaves an end of input as it is: it is no news from the peer.
        self.failed = self.failed or problem.errno != errno.EPIPE
        return False

    def owes_input(self) -> bool:
        """Whether the protocol, which reads, has not been handed all that has arrived."""
        try:
            return self.reactor.is_reading(self) and bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False


class TCPStream(EarlyWriter):
    """A TCP connection with as little as can be between the socket and its protocol."""

    def doRead(self) -> Any:
        """Hand what the socket has to the protocol; then write what that has answered."""
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
        if answer is _OPEN or answer is _STREAMED:
            if self._tempDataLen:
                self._send()
        elif self.early is not None:
            self._write_after_read()
        return None

    def write(self, data: bytes) -> None:
        """See :meth:`twisted.internet.interfaces.ITransport.write`."""
        answer = self.answer
        if (answer is _OPEN or answer is _STREAMED) and data.__class__ is bytes:
            self._tempDataBuffer.append(data)
            self._tempDataLen += len(data)
            if answer is _STREAMED and self._tempDataLen > self.bufferSize:
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
            super().writeSequence(chunks)  # which says what is wrong with them
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
    """IReactorTCP, IReactorUNIX and IReactorSocket with the transports of this room."""

    def keep_nothing_back(self) -> None:
        """Keep nothing for the end of a callback that is to wait, maybe, for what comes of it."""
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
            listening = UNIXPort._fromListeningDescriptor(self, fileDescriptor, factory)
        else:
            listening = Port._fromListeningDescriptor(self, fileDescriptor, addressFamily, factory)
        listening.startListening()
        return listening

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """See :meth:`twisted.internet.interfaces.IReactorSocket.adoptStreamConnection`."""
        self._check_family(addressFamily)
        make = self.contexts.make
        if addressFamily == socket.AF_UNIX:
            return make(UNIXServer._fromConnectedSocket, fileDescriptor, factory, self)
        family = addressFamily
        return make(Server._fromConnectedSocket, fileDescriptor, family, factory, self)

    def _check_family(self, family: int) -> None:
        if family not in self._supportedAddressFamilies:
            raise error.UnsupportedAddressFamily(family)
