"""Questions over UDP."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from triloop.adapters.resolver.channel import Asked, Channel, Noise
from triloop.adapters.resolver.loop import Loop
from triloop.adapters.resolver.servers import Server

__all__ = ["UdpChannel"]

# More than a server may send to a client that accepts 1,232 bytes.
_MAX_DATAGRAM = 4096
# There is no buffer for a datagram: as if it were lost on the way, it is sent again later.
_CONGESTION = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ENOMEM}
# Datagrams to read before the loop has another turn.
_MAX_READS = 64


class UdpChannel(Channel):
    """A datagram socket that is connected to a server; the kernel drops what others send.

    Args:
        loop: The loop that watches the socket.
        server: The server.
        noise: Where the ids come from.
        closed: Called with the channel when the socket has been closed.

    Raises:
        OSError: No socket can be opened, or the server cannot be reached.
    """

    def __init__(
        self, loop: Loop, server: Server, noise: Noise, closed: Callable[[UdpChannel], None]
    ) -> None:
        super().__init__(server, noise)
        self._closed = closed
        self._socket: socket.socket | None = None
        sock = socket.socket(server.family, socket.SOCK_DGRAM | getattr(socket, "SOCK_NONBLOCK", 0))
        try:
            sock.setblocking(False)
            sock.connect(server.sockaddr)
            self._watch = loop.watch(sock.fileno(), self.read)
        except BaseException:
            sock.close()
            raise
        self._socket = sock

    def __del__(self) -> None:
        if self._socket is not None:  # the loop was closed with questions under way
            self._socket.close()

    def send(self, question: Asked) -> None:
        """See `Channel.send`."""
        assert self._socket is not None
        packet = self._pack(question)
        try:
            self._socket.send(packet)
        except OSError as failed:
            if failed.errno not in _CONGESTION:
                self._fail_all()

    def read(self) -> None:
        """See `Channel.read`."""
        for _ in range(_MAX_READS):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(_MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # refused, or no route
                self._fail_all()
                return
            self._take(data)

    def close(self) -> None:
        """See `Channel.close`."""
        if self._socket is not None:
            self._watch.cancel()
            self._socket.close()
            self._socket = None
            self._closed(self)

    def abandon(self) -> None:
        """See `Channel.abandon`."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
