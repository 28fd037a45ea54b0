"""The load: a closed loop over many connections, in as little Python as possible.

Each connection sends its request again as soon as the reply to the last one is complete. HTTP is
like an echo: every reply is as long as the first one.

The load never sleeps: it polls without waiting. To wake a sleeping process on another core costs
the sender more than the rest of its ``send``, in a virtual machine above all. A server that answers
each request at once would pay that; a server that answers them in bursts would not. With clients on
other machines neither pays it. Only where the server needs both cores the load sleeps.

Nor does it copy large messages: it sends the same pages again and again, and has the kernel drop
replies unread. A load that copies costs as much as the server. Then it is chance which of the two
waits for the other; if the messages wait for the server, they are no longer in its core's cache,
and every contender costs half as much again.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

__all__ = ["Load", "StalledError", "Window", "arrive", "connect", "frame", "probe_http"]

_STALL = 10.0
_SERVER = "127.0.0.1"
_BUFFER = 1 << 20
#: Bytes of a message that is not copied.
_LARGE = 1 << 16
_BATCH = 32
#: Seconds between two connections that arrive: two workers that check passwords keep up with them.
_ARRIVAL = 0.0006
_UPGRADE = b"""\
GET /echo HTTP/1.1\r
Host: 127.0.0.1\r
Connection: Upgrade\r
Upgrade: websocket\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
\r
"""

_Receive = Callable[[bytearray], "int | None"]
_Send = Callable[[bytes], int]


class StalledError(Exception):
    """The server did not answer for a long time."""


@dataclass
class Window:
    """The result of a load.

    ``latencies`` are seconds, one a request; ``seconds`` is how long it all took.
    """

    seconds: float
    latencies: list[float]


class Load:
    """A closed loop over connections that are open already.

    Args:
        connections: Non-blocking; UDP sockets are connected, TLS ones have done their handshake.
        request: The bytes that each connection sends.
        reply_size: The length of a reply, in bytes.
        sleeps: Whether it waits for replies without using its core, which the server needs too.
    """

    def __init__(
        self,
        connections: list[socket.socket],
        request: bytes,
        reply_size: int,
        *,
        sleeps: bool = False,
    ) -> None:
        self._patience = 1.0 if sleeps else 0.0
        self._request = request
        self._reply_size = reply_size
        self._poller = select.epoll()
        self._buffer = bytearray(_BUFFER)
        self._pages = _pages(request)
        self._calls: dict[int, tuple[_Receive, _Send]] = {}
        self._unsent: dict[int, memoryview] = {}
        for connection in connections:
            fd = connection.fileno()
            self._calls[fd] = self._receive(connection), self._send(connection)
            self._poller.register(fd, select.EPOLLIN)
        self._missing = dict.fromkeys(self._calls, 0)
        self._sent_at = dict.fromkeys(self._calls, 0.0)

    def close(self) -> None:
        """Close the poller. The connections stay open; their owner closes them."""
        self._poller.close()
        os.close(self._pages)

    def _receive(self, connection: socket.socket) -> _Receive:
        if isinstance(connection, ssl.SSLSocket):
            return _tls_receive(connection)
        if self._reply_size < _LARGE:
            return connection.recv_into
        return partial(connection.recv_into, flags=socket.MSG_TRUNC)

    def _send(self, connection: socket.socket) -> _Send:
        if len(self._request) < _LARGE:
            return connection.send
        sendfile, fd, pages = os.sendfile, connection.fileno(), self._pages
        return lambda rest: sendfile(fd, pages, 0, len(rest))

    def run(self, seconds: float) -> Window:
        """Send and receive for so many seconds, then until every reply has arrived."""
        latencies: list[float] = []
        started = time.perf_counter()
        end = started + seconds
        for fd in self._calls:
            self._begin(fd, started)
        busy = len(self._calls)
        heard = started
        while busy:
            events = self._poller.poll(self._patience, 256)
            now = time.perf_counter()
            if events:
                heard = now
                busy -= self._serve(events, latencies, again=now < end)
            elif now - heard > _STALL:
                raise StalledError(f"{busy} replies are missing after {_STALL:g} seconds")
        return Window(time.perf_counter() - started, latencies)

    def _serve(self, events: list[tuple[int, int]], latencies: list[float], *, again: bool) -> int:
        """Receive, and send again where a reply is complete; return how many did not send again."""
        now, calls, buffer = time.perf_counter, self._calls, self._buffer
        missing, sent_at = self._missing, self._sent_at
        request, size, reply_size = self._request, len(self._request), self._reply_size
        ended = 0
        for fd, event in events:
            if event & select.EPOLLOUT:
                self._send_rest(fd)
                continue
            receive, send = calls[fd]
            count = receive(buffer)
            if not count:
                _nothing(count)
                continue
            missing[fd] -= count
            if missing[fd]:
                continue
            moment = now()
            latencies.append(moment - sent_at[fd])
            if not again:
                ended += 1
                continue
            sent_at[fd] = moment
            missing[fd] = reply_size
            sent = send(request)
            if sent != size:
                self._keep_rest(fd, memoryview(request)[sent:])
        return ended

    def _begin(self, fd: int, now: float) -> None:
        self._sent_at[fd] = now
        self._missing[fd] = self._reply_size
        sent = self._calls[fd][1](self._request)
        if sent != len(self._request):
            self._keep_rest(fd, memoryview(self._request)[sent:])

    def _keep_rest(self, fd: int, rest: memoryview) -> None:
        self._unsent[fd] = rest
        self._poller.modify(fd, select.EPOLLIN | select.EPOLLOUT)

    def _send_rest(self, fd: int) -> None:
        rest = self._unsent[fd]
        sent = self._calls[fd][1](rest)  # type: ignore[arg-type]
        if sent == len(rest):
            del self._unsent[fd]
            self._poller.modify(fd, select.EPOLLIN)
        else:
            self._unsent[fd] = rest[sent:]


def _pages(request: bytes) -> int:
    """A file in memory with the request."""
    pages = os.memfd_create("request")
    os.write(pages, request)
    return pages


def _nothing(count: int | None) -> None:
    """Ignore a TLS record that is not complete yet; the end of a stream is an error."""
    if count == 0:
        raise ConnectionError("the server closed a connection under load")


def _tls_receive(connection: ssl.SSLSocket) -> _Receive:
    """Like ``recv_into``, for all decrypted bytes; None where there are none yet."""
    receive, pending = connection.recv_into, connection.pending

    def receive_all(buffer: bytearray) -> int | None:
        try:
            count = receive(buffer)
            while pending():
                count += receive(buffer)
        except ssl.SSLWantReadError:
            return None
        return count

    return receive_all


def connect(kind: str, port: int, number: int) -> list[socket.socket]:
    """Open connections, accepted and ready for a :class:`Load`.

    Args:
        kind: ``tcp``, ``http``, ``tls``, ``udp`` or ``websocket``.
        port: The server's port on 127.0.0.1.
        number: How many.
    """
    connections = []
    for index in range(number):
        connection = _open(kind, port)
        connections.append(connection)
        if kind == "tcp" and index % _BATCH == 0:
            # The listening queue is short. An answer shows that earlier connections were accepted.
            _exchange(connection, b".")
    for connection in connections:
        connection.setblocking(False)
    return connections


def arrive(port: int, number: int, request: bytes, reply_size: int) -> list[socket.socket]:
    """As :func:`connect`, one after the other, each with a request that keeps a worker busy.

    Workers that share a listening socket and have nothing to do are no equals: the first one that
    wakes may accept all connections that wait.
    """
    connections = []
    for _ in range(number):
        connections.append(_open("http", port))
        connections[-1].sendall(request)
        time.sleep(_ARRIVAL)
    for connection in connections:
        connection.recv(reply_size, socket.MSG_WAITALL)
        connection.setblocking(False)
    return connections


def _open(kind: str, port: int) -> socket.socket:
    if kind == "udp":
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.connect((_SERVER, port))
        return datagrams
    connection = socket.create_connection((_SERVER, port), timeout=_STALL)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if kind == "websocket":
        _upgrade(connection)
    if kind != "tls":
        return connection
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)


def _upgrade(connection: socket.socket) -> None:
    reply = _exchange(connection, _UPGRADE)
    if not reply.startswith(b"HTTP/1.1 101 ") or not reply.endswith(b"\r\n\r\n"):
        raise ValueError(f"no WebSocket: {reply!r}")


def frame(size: int, *, masked: bool) -> bytes:
    """A binary message of a WebSocket; a client masks its own, here with zeros.

    Args:
        size: Bytes of the message, 126 to 65535.
        masked: Whether it is a client's.
    """
    head = struct.pack("!BBH", 0x82, 126 | masked << 7, size)
    return head + bytes(4 * masked) + b"x" * size


def _exchange(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(request)
    reply = connection.recv(_BUFFER)
    if not reply:
        raise ConnectionError("the server closed a connection")
    return reply


def probe_http(port: int, request: bytes) -> int:
    """The length of a whole reply to ``request``, header and body.

    Raises:
        ValueError: It is no success, or not as long as it states.
    """
    with _open("http", port) as connection:
        reply = _exchange(connection, request)
        head, _, body = reply.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        lengths = [line.split(b":")[1] for line in lines if line.startswith(b"content-length:")]
        missing = int(lengths[0]) - len(body) if lengths else -1
        while missing > 0 and (more := connection.recv(_BUFFER)):
            missing -= len(more)
    if not lines[0].startswith(b"http/1.1 200") or missing:
        raise ValueError(f"not a whole page: {reply[:_LARGE]!r}")
    return len(reply) - len(body) + int(lengths[0])
