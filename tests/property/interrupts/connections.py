"""Callbacks of connections and of producers."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IFileDescriptorReceiver, IHalfCloseableProtocol
from twisted.internet.protocol import (
    ClientFactory,
    Factory,
    Protocol,
)
from twisted.python import sendmsg
from zope.interface import implementer

from tests.property.interrupts.stage import Fail, Provoke, Stage, failing


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
    """Closes as soon as it is connected."""

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
