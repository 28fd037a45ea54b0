"""Questions over TCP, all on one connection (RFC 7766), each message after its length."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
from collections.abc import Callable

from triloop.adapters.resolver.channel import Asked, Channel, Noise
from triloop.adapters.resolver.loop import Loop
from triloop.adapters.resolver.servers import Server

__all__ = ["TcpChannel"]

_LENGTH = struct.Struct("!H")
_READ_SIZE = 65536


class TcpChannel(Channel):
    """A connection to a server.

    A host watches descriptors for reading only. So the connection has its own poller, which is
    readable when the connection can be read or written.

    Args:
        loop: The loop that watches the connection.
        server: The server.
        noise: Where the ids come from.
        closed: Called with the channel when the connection has been closed.

    Raises:
        OSError: No socket can be opened, or the server cannot be reached.
    """

    is_stream = True

    def __init__(
        self, loop: Loop, server: Server, noise: Noise, closed: Callable[[TcpChannel], None]
    ) -> None:
        super().__init__(server, noise)
        self._closed = closed
        self._out = bytearray()
        self._in = bytearray()
        self._answers = 0
        self._socket: socket.socket | None = None
        self._poller = selectors.DefaultSelector()
        sock = socket.socket(server.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(BlockingIOError):
                sock.connect(server.sockaddr)
            self._poller.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
            self._watch = loop.watch(self._poller.fileno(), self.read)
        except BaseException:
            sock.close()
            self._poller.close()
            raise
        self._socket = sock

    def __del__(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._poller.close()

    def send(self, question: Asked) -> None:
        """See `Channel.send`."""
        assert self._socket is not None
        packet = self._pack(question)
        self._out += _LENGTH.pack(len(packet)) + packet
        self._poller.modify(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def read(self) -> None:
        """Connect, write and read as far as possible now."""
        events = sum(events for _, events in self._poller.select(0))
        try:
            if events & selectors.EVENT_WRITE:
                self._write()
            if events & selectors.EVENT_READ:
                self._receive()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._end()

    def _write(self) -> None:
        assert self._socket is not None
        sent = self._socket.send(self._out)
        del self._out[:sent]
        if not self._out:
            self._poller.modify(self._socket, selectors.EVENT_READ)

    def _receive(self) -> None:
        assert self._socket is not None
        data = self._socket.recv(_READ_SIZE)
        if not data:
            self._end()
            return
        self._in += data
        begin = 0
        while len(self._in) >= begin + 2:
            end = begin + 2 + _LENGTH.unpack_from(self._in, begin)[0]
            if len(self._in) < end:
                break
            self._answers += self._take(bytes(self._in[begin + 2 : end]))
            begin = end
        del self._in[:begin]

    def _end(self) -> None:
        """Fail or repeat all questions: the server has closed the connection."""
        pending, self._pending = self._pending, {}
        self.close()
        for question, _, _ in pending.values():
            if self._answers:
                question.interrupted(self.server)
            else:
                question.failed(self.server)

    def close(self) -> None:
        """See `Channel.close`."""
        if self._socket is not None:
            self._watch.cancel()
            self._poller.close()
            self._socket.close()
            self._socket = None
            self._closed(self)

    def abandon(self) -> None:
        """See `Channel.abandon`."""
        if self._socket is not None:
            self._poller.close()
            self._socket.close()
            self._socket = None
