"""What a protocol has written before an interrupt is sent when the loop runs again."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from twisted.internet.protocol import Factory, Protocol

import triloop


class AnswersAndInterrupts(Protocol):
    """Answers, and is interrupted in the middle of the answer to ``this``."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(b"answer to " + data)
        if data == b"this":
            raise KeyboardInterrupt


@pytest.mark.parametrize("before", [b"", b"that"], ids=["the first", "a later"])
def test_an_answer_survives_an_interrupt(before: bytes) -> None:
    loop = asyncio.new_event_loop()
    with triloop.TornadoReactor(loop) as reactor:
        port: Any = reactor.listenTCP(
            0, Factory.forProtocol(AnswersAndInterrupts), interface="127.0.0.1"
        )
        client = socket.create_connection(("127.0.0.1", port.getHost().port), timeout=10)
        with client:
            if before:
                client.sendall(before)
                reactor.callLater(0.2, loop.stop)
                loop.run_forever()
                assert client.recv(100) == b"answer to " + before
            client.sendall(b"this")
            with pytest.raises(KeyboardInterrupt):
                loop.run_forever()
            reactor.callLater(0.2, loop.stop)
            loop.run_forever()
            assert client.recv(100) == b"answer to this"
    loop.close()
