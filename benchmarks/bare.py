"""Echo with epoll only: the lower limit of the cost in Python."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable

__all__ = ["serve_tcp", "serve_udp"]

_BUFFER = 65536


def serve_tcp(announce: Callable[[int], None]) -> None:
    """Echo to every client, until the process ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    poller = select.epoll()
    poller.register(listener.fileno(), select.EPOLLIN)
    announce(listener.getsockname()[1])
    clients: dict[int, socket.socket] = {}
    unsent: dict[int, bytes] = {}
    buffer = memoryview(bytearray(_BUFFER))
    while True:
        for fd, event in poller.poll(-1, 1024):
            client = clients.get(fd)
            if client is None:
                _accept(listener, poller, clients)
            elif event & select.EPOLLOUT:
                _send(poller, client, unsent.pop(fd), unsent)
            elif count := client.recv_into(buffer):
                sent = client.send(buffer[:count])
                if sent < count:
                    _wait_for_room(poller, fd, bytes(buffer[sent:count]), unsent)
            else:
                poller.unregister(fd)
                clients.pop(fd).close()


def _accept(
    listener: socket.socket, poller: select.epoll, clients: dict[int, socket.socket]
) -> None:
    client, _ = listener.accept()
    client.setblocking(False)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    clients[client.fileno()] = client
    poller.register(client.fileno(), select.EPOLLIN)


def _send(
    poller: select.epoll, client: socket.socket, data: bytes, unsent: dict[int, bytes]
) -> None:
    sent = client.send(data)
    if sent < len(data):
        unsent[client.fileno()] = data[sent:]
    else:
        poller.modify(client.fileno(), select.EPOLLIN)


def _wait_for_room(poller: select.epoll, fd: int, data: bytes, unsent: dict[int, bytes]) -> None:
    """Stop reading until this is sent: a client that does not read gets nothing more."""
    unsent[fd] = data
    poller.modify(fd, select.EPOLLOUT)


def serve_udp(announce: Callable[[int], None]) -> None:
    """Echo every datagram, until the process ends."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.setblocking(False)
    poller = select.epoll()
    poller.register(peer.fileno(), select.EPOLLIN)
    announce(peer.getsockname()[1])
    while True:
        poller.poll()
        try:
            while True:
                data, address = peer.recvfrom(_BUFFER)
                peer.sendto(data, address)
        except BlockingIOError:
            continue
