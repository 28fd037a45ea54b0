"""Programs over ports for datagrams: UDP over both versions of IP, and UNIX sockets.

On one machine a datagram is in the other socket as soon as it is sent, so a step is over when the
loop has made some passes. What the ports have received by then, in which order, and what was raised
or reported, is the same on every loop.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import implementer

from tests.property.stream_fuzzer.scene import logged_error

__all__ = ["Datagrams", "on_loop", "on_reactor"]

#: The last is more than a datagram holds.
SIZES = [0, 1, 10, 1400, 9000, 60_000, 70_000]
OPS = {"send": 10, "again": 3, "reply": 4, "raise": 3, "close": 1}
PASSES = 8


@dataclass(frozen=True)
class Step:
    """What one port does: ``inside`` when it is next handed a datagram, else at once."""

    port: int
    inside: bool
    ops: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Datagrams:
    """A program: the kinds of its ports, and what they do. An op: its name, a port, a size."""

    world: str
    seed: int
    kinds: tuple[str, ...]
    steps: tuple[Step, ...]

    @classmethod
    def make(cls, world: str, seed: int) -> Datagrams:
        """The program of a seed."""
        rng = random.Random(f"{world} {seed}")
        family = rng.choice(["udp", "udp", "udp6", "unix"])
        kinds = tuple(family for _ in range(rng.randint(2, 4)))
        return cls(
            world, seed, kinds, tuple(_step(rng, len(kinds)) for _ in range(rng.randint(2, 8)))
        )


def _step(rng: random.Random, ports: int) -> Step:
    names = rng.choices(list(OPS), list(OPS.values()), k=rng.randint(1, 4))
    ops = tuple((name, rng.randrange(ports), rng.choice(SIZES)) for name in names)
    return Step(rng.randrange(ports), rng.random() < 0.4, ops)


@dataclass
class Port:
    """A port, and what it was told."""

    number: int
    scene: Scene
    told: list[Any] = field(default_factory=list)
    inside: tuple[tuple[str, int, int], ...] = ()
    transport: Any = None
    address: Any = None
    is_open: bool = True

    def takes(self, data: bytes, sender: Any) -> None:
        """Note a datagram, and do what is due inside of that."""
        self.told.append(("got", len(data), data[:1], self.scene.number_of(sender)))
        ops, self.inside = self.inside, ()
        self.do_all(ops, sender)

    def do_all(self, ops: tuple[tuple[str, int, int], ...], sender: Any = None) -> None:
        """Do these things in turn; what a transport raises is an event."""
        for name, port, size in ops:
            target = self.scene.ports[port]
            if not (self.is_open and target.is_open):
                continue
            if name == "raise":
                if sender is not None:
                    raise ValueError("as planned")
            elif name == "close":
                self.is_open = False
                self.scene.close(self)
            elif name != "reply" or self.scene.number_of(sender) is not None:
                self.send(size, sender if name == "reply" else target.address)
                if name == "again":
                    self.send(1, target.address)

    def send(self, size: int, address: Any) -> None:
        """Send one datagram."""
        try:
            self.scene.send(self, bytes([self.number]) * size, address)
        except Exception as problem:  # noqa: BLE001 - whatever the transport raises
            self.told.append(("raised", type(problem).__name__))


class Scene:
    """A program that is being played."""

    def __init__(self, program: Datagrams, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.ports: list[Port] = []
        self.outcome: list[Any] = []
        self.errors: list[str] = []

    def number_of(self, address: Any) -> int | None:
        """Which port has this address."""
        known = [
            port.address[:2] if isinstance(address, tuple) else port.address for port in self.ports
        ]
        key = address[:2] if isinstance(address, tuple) else address
        return known.index(key) if key in known else None

    def script(self) -> Iterator[None]:
        """Play the program; the loop makes some passes at each ``yield``."""
        for step in self.program.steps:
            port = self.ports[step.port]
            if step.inside:
                port.inside = step.ops
                other = self.ports[step.port - 1]
                step_ops: tuple[tuple[str, int, int], ...] = (("send", step.port, 1),)
                other.do_all(step_ops)
            else:
                port.do_all(step.ops)
            yield
            told = [(port.number, *port.told) for port in self.ports if port.told]
            for port in self.ports:
                port.told = []
            errors, self.errors = sorted(self.errors), []
            self.outcome.append((told, errors))
        for port in self.ports:
            if port.is_open:
                self.close(port)
        yield
        self.outcome.append([port.told for port in self.ports])

    def send(self, port: Port, data: bytes, address: Any) -> None:
        """Have a transport send."""
        raise NotImplementedError

    def close(self, port: Port) -> None:
        """Have a transport closed."""
        raise NotImplementedError


HOSTS = {"udp": "127.0.0.1", "udp6": "::1"}


class _TwistedPort(Port, DatagramProtocol):
    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.takes(datagram, addr)

    def stopProtocol(self) -> None:
        self.told.append("stopped")

    def connectionRefused(self) -> None:
        self.told.append("refused")


@implementer(ILogObserver)
class _TwistedScene(Scene):
    def __init__(self, program: Datagrams, folder: Path, reactor: Any) -> None:
        super().__init__(program, folder)
        self.reactor = reactor

    def __call__(self, event: Any) -> None:
        error = logged_error(event)
        if error is not None:
            self.errors.append(error)

    def open(self) -> None:
        for number, kind in enumerate(self.program.kinds):
            port = _TwistedPort(number, self)
            if kind == "unix":
                port.address = str(self.folder / str(number))
                self.reactor.listenUNIXDatagram(port.address, port, maxPacketSize=65_536)
            else:
                listening = self.reactor.listenUDP(0, port, HOSTS[kind], maxPacketSize=65_536)
                port.address = (HOSTS[kind], listening.getHost().port)
            self.ports.append(port)
        self.follow(self.script(), 0)

    def follow(self, script: Iterator[None], passes: int) -> None:
        if passes == 0 and next(script, self) is self:
            self.reactor.stop()
        else:
            self.reactor.callLater(0, self.follow, script, (passes or PASSES) - 1)

    def send(self, port: Port, data: bytes, address: Any) -> None:
        port.transport.write(data, address)

    def close(self, port: Port) -> None:
        port.transport.stopListening()


class _AsyncioPort(Port, asyncio.DatagramProtocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.takes(data, addr)

    def error_received(self, exc: Exception) -> None:
        self.told.append(("error", type(exc).__name__))

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(("lost", type(exc).__name__))


class _AsyncioScene(Scene):
    async def play(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self.note_error)
        for number, kind in enumerate(self.program.kinds):
            port = _AsyncioPort(number, self)
            where: dict[str, Any] = {"local_addr": (HOSTS.get(kind), 0)}
            if kind == "unix":
                port.address = str(self.folder / str(number))
                where = {"local_addr": port.address, "family": socket.AF_UNIX}
            await loop.create_datagram_endpoint(lambda port=port: port, **where)  # type: ignore[misc]
            if kind != "unix":
                port.address = port.transport.get_extra_info("sockname")
            self.ports.append(port)
        for _ in self.script():
            for _ in range(PASSES):
                await asyncio.sleep(0)

    def note_error(self, loop: Any, context: dict[str, Any]) -> None:
        self.errors.append(type(context.get("exception")).__name__)

    def send(self, port: Port, data: bytes, address: Any) -> None:
        kind = (bytes, bytearray, memoryview)[len(data) % 3]
        port.transport.sendto(kind(data), address)

    def close(self, port: Port) -> None:
        port.transport.close()


def on_reactor(program: Datagrams, reactor: Any, folder: Path) -> list[Any]:
    """The outcome of a program on a reactor, which is of no use afterwards."""
    scene = _TwistedScene(program, folder, reactor)
    globalLogPublisher.addObserver(scene)
    try:
        reactor.callWhenRunning(scene.open)
        reactor.run(installSignalHandlers=False)
    finally:
        globalLogPublisher.removeObserver(scene)
    return [*scene.outcome, sorted(scene.errors)]


def on_loop(program: Datagrams, loop: asyncio.AbstractEventLoop, folder: Path) -> list[Any]:
    """The outcome of a program on a loop, which is closed afterwards."""
    scene = _AsyncioScene(program, folder)
    try:
        loop.run_until_complete(asyncio.wait_for(scene.play(), 60))
    finally:
        loop.close()
    return [*scene.outcome, sorted(scene.errors)]
