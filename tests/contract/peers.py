"""Echo servers and their clients, of each of the three worlds, over TCP, UNIX sockets and TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import bind_sockets, bind_unix_socket
from tornado.tcpclient import TCPClient
from tornado.tcpserver import TCPServer
from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
    wrapClientTLS,
)
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from tests.contract.certificates import NAME, Certificate
from tests.contract.worlds import World

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Medium:
    """What a connection is made of: TCP, or one of these two."""

    path: Path | None = None
    certificate: Certificate | None = None


@dataclass
class Served:
    """A server that listens; on port 0 if that is a UNIX socket."""

    port: int
    #: A Future for each connection, done when it is closed.
    closed: list[asyncio.Future[None]]


Serve = Callable[[World, Medium], AbstractAsyncContextManager[Served]]


class Echo(Protocol):
    """Twisted's server side."""

    def connectionMade(self) -> None:
        self.closed = cast("EchoFactory", self.factory).accepted()

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 - Twisted's own signature
        self.closed.set_result(None)


class EchoFactory(Factory):
    protocol = Echo

    def __init__(self, world: World, closed: list[asyncio.Future[None]]) -> None:
        self._world = world
        self._closed = closed

    def accepted(self) -> asyncio.Future[None]:
        self._closed.append(self._world.future())
        return self._closed[-1]


@contextlib.asynccontextmanager
async def serve_by_twisted(world: World, medium: Medium) -> AsyncIterator[Served]:
    served = Served(0, [])
    endpoint = _twisted_server_endpoint(world.reactor, medium)
    port = await endpoint.listen(EchoFactory(world, served.closed)).asFuture(world.loop)
    served.port = getattr(port.getHost(), "port", 0)
    try:
        yield served
        await asyncio.gather(*served.closed)
    finally:
        stopped = port.stopListening()
        if stopped is not None:
            await stopped.asFuture(world.loop)


def _twisted_server_endpoint(reactor: Any, medium: Medium) -> Any:
    if medium.path:
        return UNIXServerEndpoint(reactor, str(medium.path))
    if medium.certificate:
        options = medium.certificate.server_options()
        return SSL4ServerEndpoint(reactor, 0, options, interface=HOST)
    return TCP4ServerEndpoint(reactor, 0, interface=HOST)


class EchoServer(TCPServer):
    """Tornado's server side."""

    def __init__(self, closed: list[asyncio.Future[None]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._closed = closed

    async def handle_stream(self, stream: IOStream, address: object) -> None:
        closed = asyncio.get_running_loop().create_future()
        self._closed.append(closed)
        with contextlib.suppress(StreamClosedError):
            while True:
                await stream.write(await stream.read_bytes(65536, partial=True))
        closed.set_result(None)


@contextlib.asynccontextmanager
async def serve_by_tornado(world: World, medium: Medium) -> AsyncIterator[Served]:
    served = Served(0, [])
    certificate = medium.certificate
    tls = certificate.server_context() if certificate else None
    server = EchoServer(served.closed, ssl_options=tls)
    if medium.path:
        sockets = [bind_unix_socket(str(medium.path))]
    else:
        sockets = bind_sockets(0, HOST)
        served.port = sockets[0].getsockname()[1]
    server.add_sockets(sockets)
    try:
        yield served
        await asyncio.gather(*served.closed)
    finally:
        server.stop()


@contextlib.asynccontextmanager
async def serve_by_asyncio(world: World, medium: Medium) -> AsyncIterator[Served]:
    served = Served(0, [])

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        closed = world.future()
        served.closed.append(closed)
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        await _close(writer)
        closed.set_result(None)

    if medium.path:
        server: Any = await asyncio.start_unix_server(handle, medium.path)
    else:
        tls = medium.certificate.server_context() if medium.certificate else None
        server = await asyncio.start_server(handle, HOST, 0, ssl=tls)
        served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
        await asyncio.gather(*served.closed)
    finally:
        server.close()
        await server.wait_closed()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


# Clients: each sends all, reads the same number of bytes, and closes.

Ask = Callable[[World, Medium, Served, bytes], Any]


class Gatherer(Protocol):
    """Twisted's client side: it waits for a number of bytes."""

    def __init__(self, world: World, wanted: int) -> None:
        self._wanted = wanted
        self._heard = bytearray()
        self.answer = world.future()
        self.closed = world.future()

    def dataReceived(self, data: bytes) -> None:
        self._heard += data
        if len(self._heard) >= self._wanted and not self.answer.done():
            self.answer.set_result(bytes(self._heard))

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 - Twisted's own signature
        if not self.answer.done():
            self.answer.set_exception(reason.value or ConnectionDone())
        self.closed.set_result(reason.value)


async def ask_by_twisted(world: World, medium: Medium, served: Served, payload: bytes) -> bytes:
    endpoint = _twisted_client_endpoint(world.reactor, medium, served)
    factory = Factory.forProtocol(lambda: Gatherer(world, len(payload)))
    protocol = await endpoint.connect(factory).asFuture(world.loop)
    protocol.transport.write(payload)
    answer: bytes = await protocol.answer
    protocol.transport.loseConnection()
    await protocol.closed
    return answer


def _twisted_client_endpoint(reactor: Any, medium: Medium, served: Served) -> Any:
    if medium.path:
        return UNIXClientEndpoint(reactor, str(medium.path))
    endpoint = TCP4ClientEndpoint(reactor, HOST, served.port)
    if medium.certificate:
        return wrapClientTLS(medium.certificate.client_options(), endpoint)
    return endpoint


async def ask_by_tornado(world: World, medium: Medium, served: Served, payload: bytes) -> bytes:
    stream = await _tornado_stream(medium, served)
    answer, _ = await asyncio.gather(stream.read_bytes(len(payload)), stream.write(payload))
    closed = world.future()
    stream.set_close_callback(lambda: closed.set_result(None))
    stream.close()
    await closed
    return bytes(answer)


async def _tornado_stream(medium: Medium, served: Served) -> IOStream:
    if medium.path:
        stream = IOStream(socket.socket(socket.AF_UNIX))
        return await stream.connect(str(medium.path))
    if medium.certificate:
        context = medium.certificate.client_context()
        return await TCPClient().connect(NAME, served.port, socket.AF_INET, ssl_options=context)
    return await TCPClient().connect(HOST, served.port)


async def ask_by_asyncio(world: World, medium: Medium, served: Served, payload: bytes) -> bytes:
    if medium.path:
        reader, writer = await asyncio.open_unix_connection(medium.path)
    elif medium.certificate:
        tls = medium.certificate.client_context()
        reader, writer = await asyncio.open_connection(
            HOST, served.port, ssl=tls, server_hostname=NAME
        )
    else:
        reader, writer = await asyncio.open_connection(HOST, served.port)
    writer.write(payload)
    answer = await reader.readexactly(len(payload))
    await _close(writer)
    return answer


SERVERS: dict[str, Serve] = {
    "twisted": serve_by_twisted,
    "tornado": serve_by_tornado,
    "asyncio": serve_by_asyncio,
}
CLIENTS: dict[str, Ask] = {
    "twisted": ask_by_twisted,
    "tornado": ask_by_tornado,
    "asyncio": ask_by_asyncio,
}
