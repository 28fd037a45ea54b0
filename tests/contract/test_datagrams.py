"""UDP between the three worlds, in every nesting."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tornado.ioloop import IOLoop
from twisted.internet.protocol import DatagramProtocol

from tests.contract.worlds import Stage, World

HOST = "127.0.0.1"
Address = tuple[str, int]


class Correspondent:
    """One end of an exchange: it stores what it receives, and answers what is not an answer."""

    def __init__(self, world: World) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.address: Address = (HOST, 0)
        self.send: Callable[[bytes, Address], object] = lambda data, address: None

    def received(self, data: bytes, address: Address) -> None:
        if data.startswith(b"re: "):
            self.heard.put_nowait(data)
        else:
            self.send(b"re: " + data, address)


@contextlib.asynccontextmanager
async def by_twisted(world: World) -> AsyncIterator[Correspondent]:
    correspondent = Correspondent(world)

    class Twisted(DatagramProtocol):
        def datagramReceived(self, datagram: bytes, addr: Any) -> None:
            correspondent.received(datagram, addr)

    port = world.reactor.listenUDP(0, Twisted(), interface=HOST)
    correspondent.address = (HOST, port.getHost().port)
    correspondent.send = port.write
    try:
        yield correspondent
    finally:
        await port.stopListening().asFuture(world.loop)


@contextlib.asynccontextmanager
async def by_asyncio(world: World) -> AsyncIterator[Correspondent]:
    correspondent = Correspondent(world)
    closed = world.future()

    class Asyncio(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            correspondent.received(data, addr)

        def connection_lost(self, exc: Exception | None) -> None:
            closed.set_result(None)

    transport, _ = await world.loop.create_datagram_endpoint(Asyncio, local_addr=(HOST, 0))
    correspondent.address = transport.get_extra_info("sockname")
    correspondent.send = transport.sendto
    try:
        yield correspondent
    finally:
        transport.close()
        await closed


@contextlib.asynccontextmanager
async def by_tornado(world: World) -> AsyncIterator[Correspondent]:
    """UDP with Tornado, which has none of its own: as its users write it."""
    correspondent = Correspondent(world)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((HOST, 0))
        correspondent.address = sock.getsockname()
        correspondent.send = sock.sendto
        world.io_loop.add_handler(
            sock,
            lambda readable, events: correspondent.received(*sock.recvfrom(65536)),
            IOLoop.READ,
        )
        try:
            yield correspondent
        finally:
            world.io_loop.remove_handler(sock)


ENDS: dict[str, Callable[[World], AbstractAsyncContextManager[Correspondent]]] = {
    "twisted": by_twisted,
    "asyncio": by_asyncio,
    "tornado": by_tornado,
}


def test_datagrams_between_all(stage: Stage) -> None:
    async def main(world: World) -> set[tuple[str, str]]:
        exchanged = set()
        for here, there in itertools.product(ENDS, repeat=2):
            async with ENDS[here](world) as asking, ENDS[there](world) as answering:
                for letter in (b"one", b"two", bytes(8000)):
                    asking.send(letter, answering.address)
                    assert await asking.heard.get() == b"re: " + letter
                exchanged.add((here, there))
        return exchanged

    assert len(stage.play(main)) == len(ENDS) ** 2
