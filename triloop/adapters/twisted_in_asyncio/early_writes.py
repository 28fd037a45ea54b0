"""Writes are sent as soon as the callback that made them returns.

The stream transports of a :class:`TornadoReactor` are Twisted's own, with one difference: what a
callback writes is sent as soon as that callback has returned, not after a round through the poller.
Twisted registers the socket for writing (one ``epoll_ctl``), waits, writes, and unregisters it
(another one); but the socket of a connection that is not flooded is writable all the time.

``doWrite`` is called early, and by the reactor, never from within ``write``. So everything keeps
its order and its meaning: several writes of one callback leave in one ``send``; producers,
half-close, ``loseConnection``, TLS and passed descriptors work as in Twisted. Where the kernel does
not take it all, the rest waits for the poller.

So does what the kernel refuses. A send that fails says nothing about what the peer has sent before,
and the poller reads before it writes. The connection ends when a polled write fails too and there
is nothing left to read.

What a protocol writes in ``dataReceived`` is its *answer*. If nothing else is under way, no write
is requested for it: the end of ``doRead`` sends it:

::

    answer    | meaning                                | write                | startWriting
    ----------+----------------------------------------+----------------------+-------------
    None      | no doRead is under way                 | buffers and requests | with a batch
    BUFFERED  | the end of doRead grants requests      | buffers and requests | at that end
    OPEN      | the end of doRead sends what there is  | buffers              | BUFFERED
    STREAMED  | the same, with a streaming producer    | buffers, may pause   | BUFFERED
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import tcp
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python import log
from twisted.python.failure import Failure

from triloop.adapters.twisted_in_asyncio.contexts import InContext

__all__ = ["BUFFERED", "OPEN", "STREAMED", "EarlyWriter"]

#: The buffers of the socket or of the kernel are full.
_FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)

#: An early write that is due at the end of the connection's own doRead.
_OWN = object()

#: The states of an answer: see the table above.
BUFFERED, OPEN, STREAMED = object(), object(), object()


class EarlyWriter(InContext, tcp.Connection):
    """A connection whose ``doWrite`` is called early, before the poller is asked.

    Its request to write is in one of three states: there is none; it is *early*, to be granted at
    the end of its own ``doRead`` or with a batch of the reactor's; or it is *polled*.
    """

    reactor: Any

    #: What grants the request early: ``_OWN``, a batch of the reactor's, or nothing.
    early: object | None = None
    #: Whether the poller grants it.
    polled = False
    #: See the table above.
    answer: object | None = None
    #: The value of ``answer`` at the beginning of ``doRead``: ``BUFFERED`` until a write was sent
    #: at once, and again when one is not, or when a producer is registered or TLS started.
    opening: object = BUFFERED
    #: Whether a send has raised the error of the socket, which the socket reports only once. Then
    #: the end of the input is not a clean end.
    failed = False
    #: Descriptors that wait to be passed with the next bytes; on UNIX connections only.
    _sendmsgQueue: Any = ()

    def startWriting(self) -> None:
        """Have ``doWrite`` called: once now, and then whenever the socket is writable."""
        self.opening = BUFFERED
        if self.polled or self.early is not None:
            return
        if self.answer is not None:
            self.answer = BUFFERED
            self.early = _OWN
        elif self.connected:
            self.early = self.reactor.write_early(self)
        else:
            self._poll()

    def stopWriting(self) -> None:
        """Have ``doWrite`` called no more."""
        self.early = None
        if self.answer is not None:
            self.answer = BUFFERED
        if self.polled:
            self.polled = False
            self.reactor.removeWriter(self)

    def _poll(self) -> None:
        self.opening = BUFFERED
        self.early = None
        self.reactor.addWriter(self)
        self.polled = True

    def _close_answer(self) -> None:
        """Request the write of the answer so far: what comes now changes the meaning of a write."""
        self.opening = BUFFERED
        if self.answer is OPEN or self.answer is STREAMED:
            self.answer = BUFFERED
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
        """Read as Twisted does; then write what the protocol has answered."""
        self.answer = BUFFERED
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
        """Write out at the end of ``doRead``; a failure is not the result of the read.

        What was written before this poll is being polled for by now.
        """
        answers = self.early is _OWN
        why = self.write_out(self.early)
        if not why and self.polled and not answers:
            why = self.doWrite()
        if why:
            self.reactor.disconnect(self, why, False)

    def leave_to_poller(self) -> None:
        """Leave to the poller what was written in a ``doRead`` that does not end normally.

        It fails, perhaps by an interrupt, or it iterates the reactor.
        """
        self._close_answer()
        self.answer = None
        if self.early is _OWN:
            self._poll()

    def write_out(self, granted: object | None) -> Any:
        """Write early what there is, and return why the connection is lost, if it is.

        Args:
            granted: The value of ``early`` that led here.
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
            self.opening = OPEN if producer is None else STREAMED
        self._send()
        return None

    def _write_out_in_full(self, granted: object | None) -> Any:
        """Write early where one send is not enough. The rest is left to the poller."""
        try:
            return None if self._sendmsgQueue else self.doWrite()
        finally:
            if self.early is granted:
                self._poll()

    def _send(self) -> None:
        """Send as much as possible of what was written.

        There is something to send, and nothing is left of earlier sends.
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
        """Write as Twisted does, but leave an early failure to the poller, and read input first.

        A producer that is interrupted is asked again when the loop runs again.
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
        """Call the protocol at the end of a direction; its failure ends the connection."""
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
        """Note that a send has failed."""
        if problem.errno in _FULL:
            return True
        # EPIPE says nothing about the input: after it, the end of the input may be a clean one.
        self.failed = self.failed or problem.errno != errno.EPIPE
        return False

    def owes_input(self) -> bool:
        """Whether the protocol reads, and something has arrived that it has not got yet."""
        try:
            return self.reactor.is_reading(self) and bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False
