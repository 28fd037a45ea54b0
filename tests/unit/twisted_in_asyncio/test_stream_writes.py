"""Early writes: producers, protocols and peers see what they see on Twisted's own reactor."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import implementer

from tests.contract.certificates import Certificate
from tests.unit.twisted_in_asyncio.connections import (
    PATIENCE,
    Connection,
    Producer,
    Scene,
    converse,
    greet,
    hear_all,
    native,
    ours,
    play,
)
from triloop.adapters.twisted_in_asyncio.streams import TCPStream

FULL = TCPStream.bufferSize
LARGE = b"L" * (16 * FULL)  # more than a socket takes


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


def waits_for_the_rest(connection: Connection) -> None:
    """Wait for the rest, then write more."""

    def end() -> None:
        connection.note(len(connection.transport.dataBuffer))
        connection.transport.loseConnection()

    connection.transport.write(LARGE)
    connection.when_asked_for_more(end)


def writes_no_bytes(connection: Connection) -> None:
    transport = connection.transport
    for write, wrong in (
        (transport.write, "text"),
        (transport.write, bytearray(b"array")),
        (transport.writeSequence, [b"right", "wrong"]),
    ):
        with pytest.raises(TypeError) as caught:
            write(wrong)
        connection.note(str(caught.value))
    connection.transport.loseConnection()


def writes_and_aborts(connection: Connection) -> None:
    connection.transport.write(b"never sent")
    connection.transport.abortConnection()
    connection.transport.write(b"nor this")


def writes_and_fails(connection: Connection) -> None:
    connection.transport.write(b"never sent")
    raise ArithmeticError("meant to be")


def iterates(connection: Connection) -> None:
    """Write, and iterate the reactor within a callback."""
    transport = connection.transport
    transport.write(b"before")
    connection.note("iterates")
    deadline = time.monotonic() + PATIENCE
    while ("more",) not in connection.events and time.monotonic() < deadline:
        connection.reactor.iterate(0.1)
    connection.reactor.iterate(0)
    connection.note(bool(transport._tempDataBuffer or transport.dataBuffer))
    transport.write(b"after")
    transport.loseConnection()


def closes_and_iterates(connection: Connection) -> None:
    connection.transport.write(b"before")
    connection.transport.loseConnection()
    connection.reactor.iterate(0)
    connection.transport.write(b"after")


def half_closes(connection: Connection) -> None:
    connection.transport.write(b"before")
    connection.transport.loseWriteConnection()
    connection.transport.write(b"still before")

    def end() -> None:
        connection.transport.write(b"after")
        connection.tick(2, connection.transport.loseConnection)

    connection.when_asked_for_more(end)


def streams(connection: Connection, *sizes: int) -> None:
    """Have a streaming producer that writes so many bytes at a time."""
    transport = connection.transport
    if not connection.produced:
        transport.registerProducer(Producer(connection, lambda: None), True)

    def end() -> None:
        connection.note("ends", transport.producerPaused)
        transport.unregisterProducer()
        transport.write(b"end")
        transport.loseConnection()

    for size in sizes:
        transport.write(b"s" * size)
        connection.note("wrote", size, transport.producerPaused)
    connection.when_asked_for_more(end)


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
    connection.when_asked_for_more(connection.transport.abortConnection)


def streams_from_the_start(connection: Connection) -> None:
    streams(connection, 10, FULL - 10)


def streams_a_byte_too_many_from_the_start(connection: Connection) -> None:
    streams(connection, FULL, 1)


def streams_too_much_from_the_start(connection: Connection) -> None:
    streams(connection, 10, FULL, len(LARGE))


def pulls(connection: Connection) -> None:
    """Have a pull producer."""
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


#: The scenes whose connection has a producer before it receives anything.
PRODUCED = [
    streams_from_the_start,
    streams_a_byte_too_many_from_the_start,
    streams_too_much_from_the_start,
]
SCENES = [
    *PRODUCED,
    writes,
    writes_what_does_not_fit,
    waits_for_the_rest,
    writes_no_bytes,
    writes_and_aborts,
    writes_and_fails,
    iterates,
    closes_and_iterates,
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
    """Do not print the errors that are raised on purpose."""

    @implementer(ILogObserver)
    def ignore(event: Any) -> None:
        pass

    globalLogPublisher.addObserver(ignore)
    yield
    globalLogPublisher.removeObserver(ignore)


CUED_SCENES = [
    pytest.param(scene, cue, id=f"{scene.__name__}-{cue.decode()}")
    for scene in SCENES
    for cue in (b"within", b"outside")  # of doRead
    # Outside it is a timed call that fails, which ends no connection.
    if scene is not writes_and_fails or cue == b"within"
]


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize("greetings", [0, 2], ids=["at first", "later"])
@pytest.mark.parametrize(("scene", "cue"), CUED_SCENES)
def test_as_on_twisteds_own_reactor(scene: Scene, cue: bytes, greetings: int) -> None:
    talk = partial(converse, cue, greetings)
    produced = scene in PRODUCED
    assert play(ours, scene, talk, produced) == play(native, scene, talk, produced)


@pytest.mark.parametrize("cue", [b"within", b"outside"])
def test_connection_that_closes_reads_no_more(cue: bytes) -> None:
    """What its peer receives then is not compared: unread input resets the connection."""

    def talk(far: socket.socket, connection: Connection) -> bytes:
        with far:
            far.sendall(cue)
            assert not connection.settled.result(PATIENCE)
            far.sendall(b"more")
            hear_all(far)
        return b""

    seen, right = (play(world, writes_what_does_not_fit, talk) for world in (ours, native))
    assert seen == right


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL .* is deprecated")
@pytest.mark.parametrize("world", [native, ours])
def test_tls_begins_with_the_write_after_it(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = Certificate()

    def goes_on_in_tls(connection: Connection) -> None:
        # Twisted's TLS takes its clock from the global reactor.
        monkeypatch.setitem(sys.modules, "twisted.internet.reactor", connection.reactor)
        connection.transport.write(b"plain")
        connection.transport.startTLS(certificate.server_options())
        connection.transport.write(b"secret")
        connection.transport.loseConnection()

    def hear(far: socket.socket, connection: Connection) -> bytes:
        greet(far, 2)
        far.sendall(b"within")
        heard = far.recv(len(b"plain"))
        with certificate.client_context().wrap_socket(far, server_hostname="localhost") as secure:
            while data := secure.recv(100):
                heard += data
        return heard

    _, heard = play(world, goes_on_in_tls, hear)
    assert heard == b"plainsecret"
