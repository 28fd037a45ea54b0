"""A connection that plays a scene on Twisted's own reactor or on ours, and its peer."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Factory, Protocol

from tests.upstream.loops import dispose_of
from triloop import TornadoReactor

#: Seconds between two ticks of a connection: at least one turn of the loop is between them.
TICK = 0.005
#: Seconds to wait for anything.
PATIENCE = 20


class Connection(Protocol):
    """One connection: it answers ``hello`` and ``hello again``, then plays a scene.

    It tells its peer when to ask for more: when all that its socket takes has been sent.
    """

    transport: Any

    def __init__(self, reactor: Any, scene: Scene, produced: bool) -> None:
        self.reactor = reactor
        self.scene = scene
        self.produced = produced
        self.events: list[object] = []
        self.settled: Future[bool] = Future()  # whether it reads on
        self.over = threading.Event()

    @property
    def unsent(self) -> int:
        return sum(map(len, self.transport._tempDataBuffer)) + len(self.transport.dataBuffer)

    def note(self, *event: object) -> None:
        self.events.append(event)

    def connectionMade(self) -> None:
        self.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        if self.produced:
            self.transport.registerProducer(Producer(self, lambda: None), True)

    def dataReceived(self, data: bytes) -> None:
        if data.startswith(b"hello"):
            self.transport.write(data)
        elif data == b"within":
            self.tick(3, self.settle)
            self.scene(self)
            self.note("scene over")
        elif data == b"outside":
            self.reactor.callLater(0, self.scene, self)
            self.tick(3, self.settle)
        elif data == b"more":
            self.transport.write(data)
            self.note("more")

    def connectionLost(self, reason: Any = None) -> None:
        self.note("lost", reason.type.__name__, self.unsent)
        self.over.set()
        self.settle()
        self.reactor.stop()

    def tick(self, times: int, call: Callable[[], None]) -> None:
        """Call ``function`` after so many turns of the loop."""
        if times:
            self.reactor.callLater(TICK, self.tick, times - 1, call)
        else:
            call()

    def settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(not (self.over.is_set() or self.transport.disconnecting))

    def when_asked_for_more(self, call: Callable[[], None]) -> None:
        """Call ``function`` when ``more`` is answered, and nothing is left to send."""
        deadline = time.monotonic() + PATIENCE

        def look() -> None:
            answered = ("more",) in self.events and not self.unsent
            self.tick(1, call if answered or time.monotonic() > deadline else look)

        look()


Scene = Callable[[Connection], None]


class Producer:
    """Records the calls that it gets, and acts on them."""

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
        far = socket.create_connection(listener.getsockname(), timeout=PATIENCE)
        near, _ = listener.accept()
    near.setblocking(False)
    return near, far


def greet(far: socket.socket, greetings: int) -> None:
    """Let the connection answer once: the next answers may take the short path."""
    for greeting in (b"hello", b"hello again")[:greetings]:
        far.sendall(greeting)
        assert far.recv(100) == greeting


def hear_all(far: socket.socket) -> bytes:
    heard = b""
    try:
        while data := far.recv(1 << 20):
            heard += data
    except ConnectionError:
        heard += b" reset"
    return heard


def converse(cue: bytes, greetings: int, far: socket.socket, connection: Connection) -> bytes:
    """Send hello, give the cue, ask for more when asked to, and read until the end."""
    with far:
        greet(far, greetings)
        far.sendall(cue)
        if connection.settled.result(PATIENCE):
            far.sendall(b"more")
        heard = hear_all(far)
        # The connection ends, half-closed or not, before its peer does.
        assert connection.over.wait(PATIENCE)
    return heard


def play(
    world: Any,
    scene: Scene,
    talk: Callable[[socket.socket, Connection], bytes],
    produced: bool = False,
) -> tuple[list[object], bytes]:
    """Play a scene; return what the connection saw, and what its peer received.

    Args:
        world: ``native`` or ``ours``.
        scene: What the connection does on its cue.
        talk: What its peer does meanwhile, in a thread.
        produced: Whether the connection has a producer before it receives anything.
    """
    with world() as reactor, ThreadPoolExecutor(1) as pool:
        near, far = tcp_pair()
        factory = Factory()
        connection = Connection(reactor, scene, produced)
        factory.buildProtocol = lambda addr: connection  # type: ignore[method-assign]
        reactor.callWhenRunning(
            reactor.adoptStreamConnection, near.fileno(), socket.AF_INET, factory
        )
        reactor.callWhenRunning(near.close)
        heard = pool.submit(talk, far, connection)
        reactor.run(installSignalHandlers=False)
        return connection.events, heard.result()
