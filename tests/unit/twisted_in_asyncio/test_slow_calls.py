"""In debug mode the log names the callbacks of Twisted's that take long."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest
from twisted.internet.protocol import DatagramProtocol

import triloop


class Receiver(DatagramProtocol):
    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        asyncio.get_running_loop().stop()


def of_a_timer(port: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", port.getHost().port))


def of_a_thread() -> None:
    pass


def run(*, debug: bool, slow: float) -> None:
    """Run a timed call, a call of a thread and a port's, in a loop that takes them all for slow."""
    loop: Any = asyncio.SelectorEventLoop()
    loop.set_debug(debug)
    loop.slow_callback_duration = slow
    with triloop.TornadoReactor(loop) as reactor:
        reactor.callFromThread(of_a_thread)
        reactor.callLater(0, of_a_timer, reactor.listenUDP(0, Receiver(), "127.0.0.1"))
        loop.run_forever()
    loop.close()


@pytest.mark.parametrize(
    ("debug", "slow", "is_named"), [(True, 0, True), (True, 60, False), (False, 0, False)]
)
def test_slow_callbacks_are_named(
    debug: bool, slow: float, is_named: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "asyncio"):
        run(debug=debug, slow=slow)
    lines = [line for line in caplog.messages if line.startswith("Executing")]
    for name in ("of_a_timer(", "of_a_thread(", "Receiver"):
        assert any(name in line and "Handle" not in line for line in lines) == is_named
