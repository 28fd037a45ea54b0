"""An interrupt of a producer leaves the run, and the writes of other connections are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from twisted.internet.protocol import Factory, Protocol

from tests.unit.twisted_in_asyncio.connections import tcp_pair
from triloop import TornadoReactor

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Source:
    """A producer whose second piece is an interrupt; it goes on when it is asked again."""

    def __init__(self, transport: Any, interrupt: type[BaseException]) -> None:
        self.transport = transport
        self.asked = 0
        self.interrupt = interrupt

    def resumeProducing(self) -> None:
        self.asked += 1
        if self.asked == 2:
            raise self.interrupt(self.asked)
        if self.asked > 3:
            self.transport.unregisterProducer()
        else:
            self.transport.write(b"piece")

    def pauseProducing(self) -> None:
        """Called before it is asked for more again."""

    def stopProducing(self) -> None:
        """At the end of the test."""


def produces(transport: Any, interrupt: type[BaseException]) -> None:
    transport.registerProducer(Source(transport, interrupt), False)


def streams(transport: Any, interrupt: type[BaseException]) -> None:
    source = Source(transport, interrupt)
    transport.registerProducer(source, True)
    source.resumeProducing()
    transport.producerPaused = True  # as after a write of more than fits


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("begin", [produces, streams])
@pytest.mark.parametrize("make_loop", LOOPS.values(), ids=LOOPS)
def test_interrupt_leaves_and_all_is_written(
    make_loop: Callable[[], asyncio.AbstractEventLoop], begin: Any, interrupt: type[BaseException]
) -> None:
    loop = make_loop()
    with TornadoReactor(loop) as reactor:
        peers, connections = [], []
        for _ in range(4):
            near, far = tcp_pair()
            peers.append(far)
            factory = Factory.forProtocol(Protocol)
            connection = reactor.adoptStreamConnection(near.fileno(), near.family, factory)
            connections.append(connection)
            near.close()

        def write() -> None:
            for number, connection in enumerate(connections):
                if number == 1:
                    begin(connection, interrupt)
                else:
                    connection.write(b"%d" % number)

        reactor.callLater(0, write)
        with pytest.raises(interrupt) as left:
            loop.run_until_complete(asyncio.sleep(10))
        assert left.value.args == (2,)
        # The other connections did not have to wait for the next run.
        assert [peers[number].recv(100) for number in (0, 2, 3)] == [b"0", b"2", b"3"]
        loop.run_until_complete(asyncio.sleep(0.02))
        assert peers[1].recv(100) == b"piecepiece"
        for far in peers:
            far.close()
    loop.close()
