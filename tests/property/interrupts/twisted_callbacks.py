"""Every kind of callback of Twisted's: each is provoked once, and does what it is given."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from twisted.internet.interfaces import IFileDescriptorReceiver, IHalfCloseableProtocol
from twisted.internet.protocol import (
    ClientFactory,
    DatagramProtocol,
    Factory,
    ProcessProtocol,
    Protocol,
)
from twisted.python import sendmsg
from zope.interface import implementer

__all__ = ["CALLBACKS", "Stage"]

Fail = Callable[[], None]
Provoke = Callable[[], object]


class Stage:
    """Where a callback is provoked: a reactor, and what is to be closed afterwards."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        #: What the end that fails is told of afterwards.
        self.told: list[str] = []
        self.sockets: list[socket.socket] = []

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """A connection by TCP, both ends in blocking mode."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            far = socket.create_connection(listener.getsockname(), timeout=5)
            near, _ = listener.accept()
        self.sockets += [near, far]
        return near, far

    def adopt(self, protocol: Protocol, near: socket.socket) -> Any:
        """Have the reactor own a copy of ``near``."""
        factory = Factory()
        factory.buildProtocol = lambda addr: protocol  # type: ignore[method-assign]
        transport = self.reactor.adoptStreamConnection(near.fileno(), near.family, factory)
        near.close()
        return transport

    def connect(self, protocol: Protocol) -> socket.socket:
        """A connection of this protocol's; the far end."""
        near, far = self.pair()
        self.adopt(protocol, near)
        return far


def failing(stage: Stage, name: str, fail: Fail, base: type[Any] = Protocol) -> Any:
    """A protocol whose method of this name fails once, and which notes its end."""
    told = stage.told

    class Failing(base):  # type: ignore[misc]
        def connectionLost(self, *args: Any) -> None:
            told.append("lost")

        def dataReceived(self, data: bytes) -> None:
            told.append("data")

        def processEnded(self, reason: object) -> None:
            told.append("processEnded")

    method = getattr(Failing, name, None)

    def once(self: Any, *args: Any) -> None:
        told.append(name)
        if told.count(name) == 1:
            fail()
        elif method is not None:
            method(self, *args)

    setattr(Failing, name, once)
    return Failing()


# Connections


def data_received(stage: Stage, fail: Fail) -> Provoke:
    far = stage.connect(failing(stage, "dataReceived", fail))

    def provoke() -> None:
        far.sendall(b"first")
        stage.reactor.callLater(0.002, far.sendall, b"second")

    return provoke


def connection_lost(stage: Stage, fail: Fail) -> Provoke:
    return stage.connect(failing(stage, "connectionLost", fail)).close


def connection_lost_by_abort(stage: Stage, fail: Fail) -> Provoke:
    near, _ = stage.pair()
    transport = stage.adopt(failing(stage, "connectionLost", fail), near)
    abort: Provoke = transport.abortConnection
    return abort


def connection_lost_by_write(stage: Stage, fail: Fail) -> Provoke:
    near, _ = stage.pair()
    transport = stage.adopt(failing(stage, "connectionLost", fail), near)
    lose: Provoke = transport.loseConnection
    return lose


def connection_made_to_server(stage: Stage, fail: Fail) -> Provoke:
    factory = Factory()
    factory.buildProtocol = lambda addr: failing(  # type: ignore[method-assign]
        stage, "connectionMade", fail
    )
    return served(stage, factory)


def build_protocol(stage: Stage, fail: Fail) -> Provoke:
    factory = Factory()

    def build(addr: object) -> None:
        stage.told.append("buildProtocol")
        if stage.told.count("buildProtocol") == 1:
            fail()

    factory.buildProtocol = build  # type: ignore[method-assign]
    return served(stage, factory)


def served(stage: Stage, factory: Factory) -> Provoke:
    """Two connect to the factory's port."""
    port = stage.reactor.listenTCP(0, factory, interface="127.0.0.1")
    address = port.getHost()

    def provoke() -> None:
        for _ in range(2):
            stage.sockets.append(socket.create_connection((address.host, address.port)))

    return provoke


class Leaving(Protocol):
    """Leaves as soon as it is there."""

    transport: Any

    def connectionMade(self) -> None:
        self.transport.loseConnection()


def client(stage: Stage, name: str, fail: Fail, *, refused: bool = False) -> Provoke:
    """Connect by a factory, of which this method, or its protocol's, fails."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    stage.sockets.append(listener)
    if refused:
        listener.close()
    factory: Any = ClientFactory()
    factory.noisy = False
    if hasattr(factory, name):
        factory = failing(stage, name, fail, ClientFactory)
        factory.protocol = Leaving
    else:
        factory.buildProtocol = lambda addr: failing(stage, name, fail)

    return lambda: stage.reactor.connectTCP(*address, factory)


def half_closed(stage: Stage, name: str, fail: Fail) -> Provoke:
    protocol = implementer(IHalfCloseableProtocol)(type(failing(stage, name, fail)))
    for other in ("readConnectionLost", "writeConnectionLost"):
        if other != name:
            setattr(protocol, other, lambda self, other=other: stage.told.append(other))
    near, far = stage.pair()
    transport = stage.adopt(protocol(), near)
    if name == "readConnectionLost":
        return lambda: far.shutdown(socket.SHUT_WR)
    lose_write: Provoke = transport.loseWriteConnection
    return lose_write


def descriptor_received(stage: Stage, fail: Fail) -> Provoke:
    kind = implementer(IFileDescriptorReceiver)(
        type(failing(stage, "fileDescriptorReceived", fail))
    )
    near, far = socket.socketpair()
    stage.sockets += [near, far]
    stage.adopt(kind(), near)

    def provoke() -> None:
        with Path(os.devnull).open() as file:
            descriptor = file.fileno().to_bytes(4, sys.byteorder)
            sendmsg.sendmsg(far, b"x", [(socket.SOL_SOCKET, sendmsg.SCM_RIGHTS, descriptor)])

    return provoke


# Producers


class Producer:
    """Writes two pieces, of which the first may be followed by a failure."""

    def __init__(self, stage: Stage, name: str, fail: Fail, *, streaming: bool) -> None:
        self.stage, self.name, self.fail, self.streaming = stage, name, fail, streaming
        self.pieces = 3
        near, self.far = stage.pair()
        self.transport = stage.adopt(failing(stage, "none", fail), near)

    def do(self, method: str) -> None:
        self.stage.told.append(method)
        if method == self.name and self.stage.told.count(method) == 1:
            self.fail()

    def pauseProducing(self) -> None:
        self.do("pauseProducing")

    def stopProducing(self) -> None:
        self.do("stopProducing")

    def resumeProducing(self) -> None:
        self.pieces -= 1
        if self.pieces:
            self.transport.write(b"piece")
        if self.pieces == 1 or self.streaming:
            self.do("resumeProducing")
        if not self.pieces:
            self.transport.unregisterProducer()

    def provoke(self) -> None:
        self.transport.registerProducer(self, self.streaming)
        if self.name == "stopProducing":
            self.far.close()
        elif self.streaming:
            self.transport.write(b"x" * 100_000)


def producer(stage: Stage, name: str, fail: Fail, *, streaming: bool) -> Provoke:
    return Producer(stage, name, fail, streaming=streaming).provoke


# Bare selectables


class Selectable:
    """One that is told by the reactor itself."""

    disconnected = False

    def __init__(self, stage: Stage, name: str, fail: Fail) -> None:
        self.stage, self.name, self.fail = stage, name, fail
        self.near, self.far = socket.socketpair()
        stage.sockets += [self.near, self.far]

    def fileno(self) -> int:
        return self.near.fileno()

    def logPrefix(self) -> str:
        return "bare"

    def do(self, name: str) -> None:
        self.stage.told.append(name)
        if self.name == name and self.stage.told.count(name) == 1:
            self.fail()

    def doRead(self) -> Exception | None:
        data = self.near.recv(100)
        self.do("doRead")
        if data == b"end":
            return ConnectionError("end")
        return None

    def doWrite(self) -> None:
        self.do("doWrite")
        if self.stage.told.count("doWrite") == 2:
            self.stage.reactor.removeWriter(self)

    def connectionLost(self, reason: object) -> None:
        self.do("connectionLost")


def bare(stage: Stage, name: str, fail: Fail) -> Provoke:
    selectable = Selectable(stage, name, fail)
    stage.reactor.addReader(selectable)

    def provoke() -> None:
        if name == "doWrite":
            stage.reactor.addWriter(selectable)
        elif name == "doRead":
            selectable.far.sendall(b"first")
            stage.reactor.callLater(0.002, selectable.far.sendall, b"second")
        else:
            selectable.far.sendall(b"end")

    return provoke


# Calls


def from_thread(stage: Stage, fail: Fail) -> Provoke:
    def provoke() -> None:
        def call() -> None:
            for function in (fail, lambda: stage.told.append("second")):
                stage.reactor.callFromThread(function)

        thread = Thread(target=call)
        thread.start()
        thread.join()

    return provoke


def later(stage: Stage, fail: Fail) -> Provoke:
    def provoke() -> None:
        for call in (fail, lambda: stage.told.append("second")):
            stage.reactor.callLater(0, call)

    return provoke


def when_running(stage: Stage, fail: Fail) -> Provoke:
    """Called at once: it is the timed call that asks for it that fails."""
    return lambda: stage.reactor.callWhenRunning(fail)


def at_startup(phase: str, stage: Stage, fail: Fail) -> Provoke:
    stage.reactor.addSystemEventTrigger(phase, "startup", fail)
    stage.reactor.addSystemEventTrigger("after", "startup", stage.told.append, "started")
    return lambda: None


def at_event(phase: str, stage: Stage, fail: Fail) -> Provoke:
    def provoke() -> None:
        stage.reactor.addSystemEventTrigger(phase, "custom", fail)
        stage.reactor.addSystemEventTrigger("after", "custom", stage.told.append, "after")
        stage.reactor.fireSystemEvent("custom")

    return provoke


# Datagrams


def datagram(stage: Stage, name: str, fail: Fail) -> Provoke:
    protocol = failing(stage, name, fail, DatagramProtocol)
    if name == "startProtocol":
        return lambda: stage.reactor.listenUDP(0, protocol, "127.0.0.1")
    port = stage.reactor.listenUDP(0, protocol, "127.0.0.1")
    if name == "stopProtocol":
        stop: Provoke = port.stopListening
        return stop
    if name == "connectionRefused":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.bind(("127.0.0.1", 0))
            port.connect(*gone.getsockname())

        def write() -> None:
            port.write(b"to nobody")
            time.sleep(0.001)
            port.write(b"and again")  # which hears of the first

        return write
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stage.sockets.append(sender)
    address = port.getHost()

    def provoke() -> None:
        for word in (b"first", b"second"):
            sender.sendto(word, (address.host, address.port))

    return provoke


# Processes


def process(stage: Stage, name: str, fail: Fail) -> Provoke:
    protocol = failing(stage, name, fail, ProcessProtocol)

    def provoke() -> None:
        script = "echo out; echo err >&2; read word"
        transport = stage.reactor.spawnProcess(protocol, "/bin/sh", ["sh", "-c", script], {})
        stage.reactor.callLater(0.002, transport.closeStdin)

    return provoke


def named(make: Callable[..., Provoke], *names: str, **kw: Any) -> dict[str, Any]:
    def bound(name: str) -> Callable[[Stage, Fail], Provoke]:
        return lambda stage, fail: make(stage, name, fail, **kw)

    return {name: bound(name) for name in names}


PHASES = ("before", "during", "after")
#: By name: sets a callback up, and gives what provokes it.
CALLBACKS: dict[str, Callable[[Stage, Fail], Provoke]] = {
    "dataReceived": data_received,
    "connectionLost": connection_lost,
    "connectionLost after abortConnection": connection_lost_by_abort,
    "connectionLost after loseConnection": connection_lost_by_write,
    "connectionMade (server)": connection_made_to_server,
    "buildProtocol (server)": build_protocol,
    **{f"{k} (client)": v for k, v in named(client, "connectionMade", "buildProtocol").items()},
    **named(client, "startedConnecting", "clientConnectionLost"),
    **named(client, "clientConnectionFailed", refused=True),
    **named(half_closed, "readConnectionLost", "writeConnectionLost"),
    "fileDescriptorReceived": descriptor_received,
    "resumeProducing (pull)": named(producer, "resumeProducing", streaming=False)[
        "resumeProducing"
    ],
    **named(producer, "resumeProducing", "pauseProducing", "stopProducing", streaming=True),
    **{f"{k} (bare)": v for k, v in named(bare, "doRead", "doWrite", "connectionLost").items()},
    "callFromThread": from_thread,
    "callLater": later,
    "callWhenRunning": when_running,
    **{f"trigger {phase} startup": partial(at_startup, phase) for phase in PHASES},
    **{f"trigger {phase} an event": partial(at_event, phase) for phase in PHASES},
    **named(datagram, "datagramReceived", "connectionRefused", "startProtocol", "stopProtocol"),
    **named(
        process,
        "outReceived",
        "errReceived",
        "childConnectionLost",
        "processExited",
        "processEnded",
    ),
}
