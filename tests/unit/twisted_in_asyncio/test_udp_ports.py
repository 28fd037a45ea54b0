"""UDP ports accept and refuse the same datagrams and addresses as Twisted's own."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import DatagramProtocol

from tests.upstream.loops import dispose_of
from triloop import TornadoReactor
from triloop.adapters.twisted_in_asyncio import datagrams

TOO_LONG = b"x" * 70_000


class Sender(DatagramProtocol):
    """Sends when it has a transport."""

    transport: Any


def outcome(port: Any, datagram: bytes, address: Any) -> object:
    """The outcome of a write: the number of bytes, or the error."""
    try:
        return port.write(datagram, address)
    except Exception as error:  # noqa: BLE001 - whatever Twisted's raises
        return type(error), str(error)


def attempts(reactor: Any, peer: socket.socket) -> list[object]:
    """The outcomes of many kinds of writes, on ports of both families and a connected one."""
    host, number = peer.getsockname()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        closed = gone.getsockname()
    ports = [reactor.listenUDP(0, Sender(), interface) for interface in ("127.0.0.1", "::1")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        own.setblocking(False)
        ports.append(reactor.adoptDatagramPort(own.fileno(), socket.AF_INET, Sender()))
    connected = reactor.listenUDP(0, Sender(), "127.0.0.1")
    connected.connect(host, number)
    seen = [
        outcome(port, datagram, address)
        for port in (*ports, connected)
        for datagram in (b"hello", b"", TOO_LONG)
        for address in (
            *((host, number), (host, number), ("localhost", number), ("::1", number)),
            *(("<broadcast>", number), closed, closed, (host, -1), ("127.0.0.1.", 1), None),
        )
    ]
    for port in (*ports, connected):
        port.stopListening()
    for call in reactor.getDelayedCalls():
        call.func(*call.args, **call.kw)
        call.cancel()
    return seen


def heard_by(peer: socket.socket) -> list[bytes]:
    heard = []
    try:
        while True:
            heard.append(peer.recv(100))
    except BlockingIOError:
        return heard


def test_as_on_twisteds_own_reactor() -> None:
    results = []
    loop = asyncio.new_event_loop()
    theirs = EPollReactor()
    with TornadoReactor(loop) as ours, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        for reactor in (ours, theirs):
            seen = attempts(reactor, peer)
            results.append((seen, heard_by(peer)))
    dispose_of(theirs)
    loop.close()
    assert results[0] == results[1]
    assert results[0][1].count(b"hello") >= 4


@pytest.mark.parametrize("address", ["10.1.2.3", "10.1.2.300", "name", "::1", ""])
def test_a_cached_address_check_keeps_its_result(address: str) -> None:
    for _ in range(2):
        assert datagrams._is_ipv4(address) == (address == "10.1.2.3")
        assert datagrams._is_ipv6(address) == (address == "::1")
