"""Many requests at once, each through all three worlds: none gets the values of another.

``TRILOOP_REQUESTS=100000`` runs more of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver

from tests.contract.contexts.steps import STEPS, Carried, Scene, is_guest, mark
from tests.contract.worlds import HOST_STAGES, Kind, Stage, World
from triloop import as_future

REQUESTS = int(os.environ.get("TRILOOP_REQUESTS", "1000"))
#: How many of them have descriptors open at once.
AT_ONCE = 100

STAGES = HOST_STAGES or [
    Stage(Kind("asyncio", guest_reactor=True), "run_until_complete"),
    Stage(Kind("uvloop", guest_reactor=True), "run_until_complete"),
    Stage(Kind("epoll"), "reactor.run"),
]


@pytest.mark.parametrize("stage", STAGES, ids=str)
def test_each_request_keeps_what_it_carries(stage: Stage) -> None:
    async def main(world: World) -> None:
        gate = asyncio.Semaphore(AT_ONCE)
        async with scene_in(world) as scene:
            await asyncio.gather(*(request(gate, scene, n) for n in range(REQUESTS)))

    stage.play(main, patience=20 + REQUESTS / 10)


async def request(gate: asyncio.Semaphore, scene: Scene, value: int) -> None:
    steps = random.Random(value).sample(STEPS, len(STEPS))
    carried = Carried(value)
    with carried:
        async with gate:
            for step in steps:
                token = mark.set(step.__name__)
                await step(scene, carried)
                carried.check()
                assert mark.get() == step.__name__
                mark.reset(token)


class Echo(LineOnlyReceiver):
    """Echoes each line later, and keeps its number in its context."""

    delimiter = b"\n"
    transport: Any
    factory: Any

    def connectionMade(self) -> None:
        self.expects = mark.get()

    def lineReceived(self, line: bytes) -> None:
        if self.factory.keeps:
            assert mark.get() == self.expects
        self.expects = line.decode()
        mark.set(self.expects)
        self.transport.reactor.callLater(0, self.echo, line)

    def echo(self, line: bytes) -> None:
        if self.factory.keeps:
            assert mark.get() == self.expects
        self.transport.write(line + self.delimiter)

    def connectionLost(self, reason: object = None) -> None:
        if self.factory.keeps:
            assert mark.get() == self.expects


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    line = await reader.readline()
    mark.set(line.decode())
    await asyncio.sleep(0)
    assert mark.get() == line.decode()
    writer.write(line)
    await writer.drain()
    await reader.read()
    writer.close()
    await writer.wait_closed()


@contextlib.asynccontextmanager
async def scene_in(world: World) -> AsyncIterator[Scene]:
    """Both servers, in a world."""
    factory: Any = Factory.forProtocol(Echo)
    factory.keeps = is_guest(world)
    port = world.reactor.listenTCP(0, factory, interface="127.0.0.1")
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    try:
        yield Scene(world, port.getHost().port, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()
        await as_future(port.stopListening())
        await asyncio.sleep(0.05)  # the last ends of connections
