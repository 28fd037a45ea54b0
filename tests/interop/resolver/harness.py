"""A DNS server in another process, and loops of every kind to ask it from."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from twisted.internet.pollreactor import PollReactor

import triloop
from triloop.adapters.resolver.resolver import TwistedResolver

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

LONG = 60.0  # more than a test may take
UNSPEC, INET, INET6 = socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6
NO_DATA = socket.EAI_NODATA if sys.platform == "linux" else socket.EAI_NONAME


class DNSProcess:
    """The DNS server of these tests."""

    def __init__(self, address: str) -> None:
        script = Path(__file__).with_name("dns_server.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.address = (address, int(self.process.stdout.readline()))
        self._lines: list[list[str]] = []
        os.set_blocking(self.process.stdout.fileno(), False)

    def questions(self, name: str) -> list[str]:
        """What it was asked about ``name`` since the last call: transport and type."""
        self.read()
        found = [line for line in self._lines if line[1] == name]
        self._lines = [line for line in self._lines if line[1] != name]
        return sorted(f"{transport} {kind}" for transport, _, kind in found)

    def read(self) -> None:
        assert self.process.stdout is not None
        self._lines += [line.decode().split() for line in self.process.stdout.readlines()]

    def forget(self) -> None:
        self.read()
        self._lines.clear()

    async def asked(self, name: str) -> list[str]:
        """Wait until it is asked about ``name``."""
        while not (found := self.questions(name)):  # noqa: ASYNC110 - another process tells
            await asyncio.sleep(0.005)
        return found

    def close(self) -> None:
        self.process.communicate(timeout=10)
        assert self.process.returncode == 0


class World:
    """A running loop, with or without a reactor; at its end nothing may be left over."""

    def __init__(self, loop: asyncio.AbstractEventLoop, reactor: Any = None) -> None:
        self.loop = loop
        self.reactor = reactor

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        threads = threading.enumerate()
        before = self.holdings()
        try:
            return self.loop.run_until_complete(asyncio.wait_for(coroutine, 30))
        finally:
            assert self.holdings() == before
            assert threading.enumerate() == threads

    def holdings(self) -> tuple[int, int, int]:
        # One turn of both sides, for what is closed by a call later.
        self.loop.run_until_complete(asyncio.sleep(0))
        calls, readers = 0, 0
        if self.reactor is not None:
            calls, readers = len(self.reactor.getDelayedCalls()), len(self.reactor.getReaders())
        return calls, readers, descriptors()


def descriptors() -> int:
    """How many are open."""
    return len(list(Path("/dev/fd").iterdir()))


@contextlib.contextmanager
def plain_loop(make: Callable[[], asyncio.AbstractEventLoop]) -> Iterator[World]:
    loop = make()
    yield World(loop)
    loop.close()


@contextlib.contextmanager
def tornado_reactor(make: Callable[[], asyncio.AbstractEventLoop]) -> Iterator[World]:
    loop = make()
    with triloop.TornadoReactor(loop) as reactor:
        yield World(loop, reactor)
    loop.close()


@contextlib.contextmanager
def reactor_event_loop(reactor: Any) -> Iterator[World]:
    loop = triloop.ReactorEventLoop(reactor)
    yield World(loop, reactor)
    loop.close()
    reactor.fireSystemEvent("shutdown")
    reactor.disconnectAll()


WORLDS: dict[str, Callable[[], contextlib.AbstractContextManager[World]]] = {
    "TornadoReactor": lambda: tornado_reactor(asyncio.new_event_loop),
    "ReactorEventLoop": lambda: reactor_event_loop(PollReactor()),
    "TornadoReactor on uvloop": lambda: tornado_reactor(uvloop.new_event_loop),
    "asyncio": lambda: plain_loop(asyncio.new_event_loop),
    "uvloop": lambda: plain_loop(uvloop.new_event_loop),
}


class Names:
    """Resolves with the test server in a world."""

    def __init__(self, world: World, server: DNSProcess, hosts: Path) -> None:
        self.world = world
        self.server = server
        self.options: dict[str, Any] = {
            "servers": [server.address],
            "hosts": str(hosts),
            "resolv": "/dev/null",
            "nsswitch": "/dev/null",
            "cache_size": 0,
        }

    def resolver(self, **options: Any) -> Any:
        return TwistedResolver(**{**self.options, **options})

    async def resolve(
        self, host: Any, family: int = UNSPEC, port: Any = 80, **options: Any
    ) -> list[tuple[int, Any]]:
        found: list[tuple[int, Any]] = await self.resolver(**options).resolve(host, port, family)
        return found

    def addresses(self, host: Any, family: int = UNSPEC, **options: Any) -> list[str]:
        return [sockaddr[0] for _, sockaddr in self.sockaddrs(host, family, **options)]

    def sockaddrs(self, host: Any, family: int = UNSPEC, **options: Any) -> list[tuple[int, Any]]:
        found: list[tuple[int, Any]] = self.world.run(self.resolve(host, family, **options))
        return found

    def error(self, host: Any, family: int = UNSPEC, **options: Any) -> int | None:
        with pytest.raises(socket.gaierror) as raised:
            self.world.run(self.resolve(host, family, **options))
        assert repr(host) in str(raised.value)
        return raised.value.errno


def resolv_conf(path: Path, text: str, server: DNSProcess) -> str:
    """Write a resolv.conf(5) that names ``server``; its path."""
    address, port = server.address
    path.write_text(f"nameserver [{address}]:{port}\n{text}")
    return str(path)
