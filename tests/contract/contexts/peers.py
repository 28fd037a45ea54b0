"""The other ends: plain sockets in threads, without loops and contexts."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

#: Seconds that a peer waits for anything.
PATIENCE = 10.0

Talk = Callable[[socket.socket], object]

_threads: list[threading.Thread] = []


def _start(function: Callable[..., object], *args: object) -> None:
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    _threads.append(thread)


def wait_for_all() -> None:
    """Wait until all peers have ended."""
    while _threads:
        _threads.pop().join(PATIENCE)


def say(peer: socket.socket) -> None:
    """Send something, and close."""
    peer.sendall(b"x")


def say_twice(peer: socket.socket) -> None:
    """Send something, and something else after its echo."""
    peer.sendall(b"x")
    peer.recv(1)
    peer.sendall(b"y")


def stay(peer: socket.socket) -> None:
    """Send something, and close after the other end."""
    peer.sendall(b"x")
    while peer.recv(65536):
        pass


def listening(talk: Talk) -> tuple[str, int]:
    """The address of a peer that accepts one connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE)

    def accept() -> None:
        with listener:
            _talk(listener.accept()[0], talk)

    _start(accept)
    host, port = listener.getsockname()
    return host, port


def connecting(address: Any, talk: Talk, family: int = socket.AF_INET) -> None:
    """Have a peer connect."""

    def connect() -> None:
        peer = socket.socket(family)
        peer.settimeout(PATIENCE)
        with contextlib.suppress(OSError):
            peer.connect(address)
        _talk(peer, talk)

    _start(connect)


def _talk(peer: socket.socket, talk: Talk) -> None:
    peer.settimeout(PATIENCE)
    with peer, contextlib.suppress(OSError):
        talk(peer)


def connected(talk: Talk) -> socket.socket:
    """One end of a TCP connection, whose other end is a peer; not blocking."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
    _start(_talk, there, talk)
    here.setblocking(False)
    return here


def refusing() -> socket.socket:
    """A socket that has an address, and does not listen."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held
