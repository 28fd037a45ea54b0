"""After ``fireSystemEvent("shutdown")`` by hand a reactor goes on as Twisted's own does.

Twisted's trial does it, and runs more tests afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.protocol import (
    ClientFactory,
    DatagramProtocol,
    Factory,
    ProcessProtocol,
    Protocol,
)
from twisted.protocols.wire import Echo

from tests.contract.worlds import REACTORS, discard
from triloop import TornadoReactor

Seen = list[Any]
#: Passes of a reactor after which a test gives up on it.
PASSES = 400


class Caller(Protocol):
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def connectionMade(self) -> None:
        self.transport.write(b"word")  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.seen.append(data)


class Exit(ProcessProtocol):
    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def processEnded(self, reason: Any) -> None:
        self.seen.append(reason.value.exitCode)


def iterate(reactor: Any, seen: Seen) -> None:
    reactor.iterate(0)
    seen.append("iterated")


def call_later(reactor: Any, seen: Seen) -> None:
    reactor.callLater(0.01, seen.append, "called")


def call_from_thread(reactor: Any, seen: Seen) -> None:
    thread = threading.Thread(target=reactor.callFromThread, args=(seen.append, "called"))
    thread.start()
    thread.join()


def thread_pool(reactor: Any, seen: Seen) -> None:
    def work() -> None:
        seen.append("in a thread")
        reactor.callFromThread(reactor.crash)

    assert not reactor.getThreadPool().joined
    reactor.callInThread(work)  # its threads begin when the reactor runs
    reactor.run(installSignalHandlers=False)


def connect(reactor: Any, seen: Seen) -> None:
    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    factory: Any = ClientFactory()
    factory.noisy = False
    factory.buildProtocol = lambda _: Caller(seen)
    reactor.connectTCP("127.0.0.1", port.getHost().port, factory)


def datagram(reactor: Any, seen: Seen) -> None:
    heard: Any = DatagramProtocol()
    heard.datagramReceived = lambda data, _: seen.append(data)
    port = reactor.listenUDP(0, heard, interface="127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        sending.sendto(b"word", ("127.0.0.1", port.getHost().port))


def spawn(reactor: Any, seen: Seen) -> None:
    reactor.spawnProcess(Exit(seen), "/bin/true", ["true"], {})


def add_reader(reactor: Any, seen: Seen) -> None:
    reading, writing = socket.socketpair()

    class Reader:
        fileno = staticmethod(reading.fileno)
        logPrefix = staticmethod(str)

        def doRead(self) -> None:
            seen.append(reading.recv(9))
            reactor.removeReader(self)
            reading.close()

        def connectionLost(self, reason: object) -> None:
            seen.append(reason)

    reactor.addReader(Reader())
    writing.sendall(b"word")
    writing.close()


def run(reactor: Any, seen: Seen) -> None:
    reactor.callWhenRunning(seen.append, "startup")
    # A native reactor has no trigger left that ends its run.
    reactor.callLater(0.01, reactor.crash)
    reactor.run(installSignalHandlers=False)


def shut_down_again(reactor: Any, seen: Seen) -> None:
    reactor.addSystemEventTrigger("during", "shutdown", seen.append, "shutdown")
    reactor.fireSystemEvent("shutdown")


ENTRIES: dict[str, Callable[[Any, Seen], None]] = {
    entry.__name__: entry
    for entry in (
        *(iterate, call_later, call_from_thread, thread_pool, connect, datagram),
        *(spawn, add_reader, run, shut_down_again),
    )
}


@contextlib.contextmanager
def native() -> Iterator[Any]:
    reactor = next(iter(REACTORS.values()))()
    yield reactor
    reactor.disconnectAll()
    discard(reactor)


@contextlib.contextmanager
def guest() -> Iterator[Any]:
    loop = asyncio.new_event_loop()
    with TornadoReactor(loop) as reactor:
        yield reactor
    loop.close()


def outcome(reactor: Any, entry: str) -> Seen:
    """The outcome of the entry after a shutdown, in a reactor that is only iterated."""
    seen: Seen = []
    reactor.fireSystemEvent("shutdown")
    ENTRIES[entry](reactor, seen)
    for _ in range(PASSES):
        if seen:
            break
        reap()
        reactor.iterate(0.01)
    reactor.fireSystemEvent("shutdown")
    return seen


def reap() -> None:
    """Reap children, as the native reactor's SIGCHLD handler does: ``iterate`` does not set it."""
    from twisted.internet import process

    process.reapAllProcesses()


@pytest.mark.parametrize("entry", ENTRIES)
def test_goes_on_after_a_shutdown_as_a_native_reactor(
    entry: str, nothing_left: None, logged_errors: None
) -> None:
    with native() as reactor:
        right = outcome(reactor, entry)
    with guest() as reactor:
        got = outcome(reactor, entry)
    assert right
    assert got == right


def test_stop_ends_the_next_run(nothing_left: None) -> None:
    with guest() as reactor:
        reactor.fireSystemEvent("shutdown")
        reactor.callWhenRunning(reactor.stop)
        reactor.run(installSignalHandlers=False)
        assert not reactor.running
