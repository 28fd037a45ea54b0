"""Writes at once: Twisted's own reactor tells what producers, protocols and peers are to see."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import globalLogPublisher

from tests.upstream.loops import dispose_of
from triloop import TornadoReactor
from triloop.adapters.streams import TCPStream

FULL = TCPStream.bufferSize
LARGE = b"L" * (16 * FULL)  # more than a socket takes


class Connection(Protocol):
    """One connection: it answers ``hello`` and ``hello again``, then plays a scene."""

    transport: Any

    def __init__(self, reactor: Any, scene: Scene) -> None:
        self.reactor = reactor
        self.scene = scene
        self.events: list[object] = []

    def note(self, *event: object) -> None:
        self.events.append(event)

    def connectionMade(self) -> None:
        self.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)

    def dataReceived(self, data: bytes) -> None:
        if data.startswith(b"hello"):
            self.transport.write(data)
        elif data == b"within":
            self.scene(self)
            self.note("scene over")
        elif data == b"outside":
            self.reactor.callLater(0, self.scene, self)

    def connectionLost(self, reason: Any = None) -> None:
        self.note("lost", reason.type.__name__)
        self.reactor.stop()


Scene = Callable[[Connection], None]


class Producer:
    """Notes what it is told, and does what it is made for."""

    def __init__(self, connection: Connection, on_resume: Callable[[], None]) -> None:
        self.connection = connection
        self.on_resume = on_resume

    def pauseProducing(self) -> None:
        self.connection.note("pause")

    def resumeProducing(self) -> None:
        self.connection.note("resume")
        self.on_resume()

    def stopProducing(self) -> None:
        self.connection.note("stop producing")


@contextmanager
def native() -> Iterator[Any]:
    reactor = EPollReactor()
    yield reactor
    dispose_of(reactor)


@contextmanager
def ours() -> Iterator[Any]:
    loop = asyncio.new_event_loop()
    with TornadoReactor(loop) as reactor:
        yield reactor
    loop.close()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.create_connection(listener.getsockname(), timeout=20)
        near, _ = listener.accept()
    near.setblocking(False)
    return near, far


def converse(far: socket.socket, cue: bytes, greetings: int) -> bytes:
    """Say hello, give the cue, hear everything until the end."""
    heard = b""
    with far:
        for greeting in (b"hello", b"hello again")[:greetings]:
            far.sendall(greeting)
            heard += far.recv(100)
        far.sendall(cue)
        try:
            while data := far.recv(1 << 20):
                heard += data
        except ConnectionResetError:
            heard += b" reset"
    return heard


def play(world: Any, scene: Scene, cue: bytes, greetings: int) -> tuple[list[object], bytes]:
    """What the connection saw, and what its peer heard."""
    with world() as reactor, ThreadPoolExecutor(1) as pool:
        near, far = tcp_pair()
        factory = Factory()
        connection = Connection(reactor, scene)
        factory.buildProtocol = lambda addr: connection  # type: ignore[method-assign]
        reactor.callWhenRunning(
            reactor.adoptStreamConnection, near.fileno(), socket.AF_INET, factory
        )
        reactor.callWhenRunning(near.close)
        heard = pool.submit(converse, far, cue, greetings)
        reactor.run(installSignalHandlers=False)
        return connection.events, heard.result()


# The scenes


def writes(connection: Connection) -> None:
    for word in (b"one", b"", b"two"):
        connection.transport.write(word)
    connection.transport.writeSequence([b"three", b"four"])
    connection.transport.writeSequence([])
    connection.transport.loseConnection()
    connection.transport.write(b"five")


def writes_what_does_not_fit(connection: Connection) -> None:
    connection.transport.write(LARGE)
    connection.transport.write(b"end")
    connection.transport.loseConnection()


def writes_no_bytes(connection: Connection) -> None:
    for wrong in ("text", bytearray(b"array"), None):
        try:
            connection.transport.write(wrong)
        except TypeError as error:
            connection.note(str(error))
    try:
        connection.transport.writeSequence([b"right", "wrong"])
    except TypeError as error:
        connection.note(str(error))
    connection.transport.loseConnection()


def writes_and_aborts(connection: Connection) -> None:
    connection.transport.write(b"never sent")
    connection.transport.abortConnection()
    connection.transport.write(b"nor this")


def writes_and_fails(connection: Connection) -> None:
    connection.transport.write(b"never sent")
    raise ArithmeticError("meant to be")


def half_closes(connection: Connection) -> None:
    connection.transport.write(b"before")
    connection.transport.loseWriteConnection()
    connection.transport.write(b"still before")
    connection.reactor.callLater(0.05, connection.transport.write, b"after")
    connection.reactor.callLater(0.1, connection.transport.loseConnection)


def streams(connection: Connection, *sizes: int) -> None:
    """Has a streaming producer, and writes that many bytes at a time."""
    transport = connection.transport

    def end() -> None:
        connection.note("ends", transport.producerPaused)
        transport.unregisterProducer()
        transport.write(b"end")
        transport.loseConnection()

    transport.registerProducer(Producer(connection, lambda: None), True)
    for size in sizes:
        transport.write(b"s" * size)
        connection.note("wrote", size, transport.producerPaused)
    connection.reactor.callLater(0.2, end)


def streams_little(connection: Connection) -> None:
    streams(connection, 10, 20)


def streams_just_as_much_as_fits(connection: Connection) -> None:
    streams(connection, FULL)


def streams_a_byte_too_many(connection: Connection) -> None:
    streams(connection, FULL, 1)


def streams_too_much(connection: Connection) -> None:
    streams(connection, 10, len(LARGE), 10)


def streams_after_a_write(connection: Connection) -> None:
    connection.transport.write(b"w" * FULL)
    streams(connection, 1)


def streams_and_is_lost(connection: Connection) -> None:
    connection.transport.registerProducer(Producer(connection, lambda: None), True)
    connection.transport.write(b"little")
    connection.reactor.callLater(0.1, connection.transport.abortConnection)


def pulls(connection: Connection) -> None:
    """Has a producer that writes when it is asked to."""
    rest = [b"a" * 10, LARGE, b"b" * 10]

    def produce() -> None:
        if rest:
            connection.transport.write(rest.pop(0))
            connection.note("produced", len(rest))
        else:
            connection.transport.unregisterProducer()
            connection.transport.loseConnection()

    connection.transport.write(b"before")
    connection.transport.registerProducer(Producer(connection, produce), False)
    connection.note("registered")


SCENES = [
    writes,
    writes_what_does_not_fit,
    writes_no_bytes,
    writes_and_aborts,
    writes_and_fails,
    half_closes,
    streams_little,
    streams_just_as_much_as_fits,
    streams_a_byte_too_many,
    streams_too_much,
    streams_after_a_write,
    streams_and_is_lost,
    pulls,
]


@pytest.fixture
def _quiet() -> Iterator[None]:
    """Nothing is printed of errors that are meant to be."""
    globalLogPublisher.addObserver(len)
    yield
    globalLogPublisher.removeObserver(len)


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize("greetings", [0, 2], ids=["at first", "later"])
@pytest.mark.parametrize("cue", [b"within", b"outside"], ids=["within doRead", "outside"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_as_on_twisteds_own_reactor(scene: Scene, cue: bytes, greetings: int) -> None:
    if scene is writes_and_fails and cue == b"outside":
        pytest.skip("an error in a timed call ends no connection")
    assert play(ours, scene, cue, greetings) == play(native, scene, cue, greetings)
