"""Callbacks of plain selectables, files and datagram ports."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from twisted.internet.protocol import (
    ConnectedDatagramProtocol,
    DatagramProtocol,
)

from tests.property.interrupts.stage import Fail, Provoke, Stage, failing


class Selectable:
    """A selectable that the reactor calls directly."""

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


# Files, which epoll does not take


class File:
    """A selectable that is always ready."""

    disconnected = False

    def __init__(self, stage: Stage, name: str, fail: Fail) -> None:
        self.stage, self.name, self.fail = stage, name, fail
        self.file = stage.open_file()

    def fileno(self) -> int:
        return self.file.fileno()

    def logPrefix(self) -> str:
        return "file"

    def do(self) -> None:
        self.stage.told.append(self.name)
        if self.stage.told.count(self.name) == 1:
            self.fail()
        self.stage.reactor.removeReader(self)
        self.stage.reactor.removeWriter(self)

    doRead = doWrite = do

    def connectionLost(self, reason: object) -> None:
        self.stage.told.append("lost")


def of_file(stage: Stage, name: str, fail: Fail) -> Provoke:
    selectable = File(stage, name, fail)
    add = stage.reactor.addReader if name == "doRead" else stage.reactor.addWriter
    return lambda: add(selectable)


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
            port.write(b"to no receiver")
            time.sleep(0.001)
            port.write(b"and again")  # the first one gets the error

        return write
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stage.sockets.append(sender)
    address = port.getHost()

    def provoke() -> None:
        for word in (b"first", b"second"):
            sender.sendto(word, (address.host, address.port))

    return provoke


def unix_datagram(stage: Stage, name: str, fail: Fail) -> Provoke:
    """At a bound UNIX socket, or ("datagramReceived (connected)") at a connected one."""
    path = stage.folder / "socket"
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    stage.sockets.append(sender)
    if name == "connected":
        sender.bind(str(path))
        own = str(path) + "2"
        protocol = failing(stage, "datagramReceived", fail, ConnectedDatagramProtocol)
        stage.reactor.connectUNIXDatagram(str(path), protocol, bindAddress=own)
        path = Path(own)
    else:
        protocol = failing(stage, "datagramReceived", fail, DatagramProtocol)
        stage.reactor.listenUNIXDatagram(str(path), protocol)

    def provoke() -> None:
        for word in (b"first", b"second"):
            sender.sendto(word, str(path))

    return provoke


def multicast(stage: Stage, fail: Fail) -> Provoke:
    protocol = failing(stage, "datagramReceived", fail, DatagramProtocol)
    port = stage.reactor.listenMulticast(0, protocol, "127.0.0.1")
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stage.sockets.append(sender)
    address = port.getHost()

    def provoke() -> None:
        for word in (b"first", b"second"):
            sender.sendto(word, (address.host, address.port))

    return provoke
