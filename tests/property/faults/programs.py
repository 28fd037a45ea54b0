"""Small programs of both worlds, in which a call may fail."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol, connectionDone
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

import triloop
from tests.contract.worlds import World

__all__ = ["ASYNCIO", "TWISTED", "Program"]

Program = Callable[[World], Coroutine[Any, Any, None]]
#: What the parties send each other, in pieces.
_PIECES = [b"one", b"two" * 2000, b"three"]
_WHOLE = b"".join(_PIECES)


class _Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class _Client(Protocol):
    """Sends all pieces, and receives their echo."""

    def __init__(self) -> None:
        self.heard = b""
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        for piece in _PIECES:
            self.transport.write(piece)

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.heard += data
        if len(self.heard) >= len(_WHOLE):
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reason.check(ConnectionDone) and self.heard == _WHOLE:
            self.done.callback(self.heard)
        else:
            self.done.errback(reason)


async def twisted_echo(world: World) -> None:
    """Two connections, one after the other, and their echo."""
    server = TCP4ServerEndpoint(world.reactor, 0, interface="127.0.0.1")
    port: Any = await triloop.as_future(server.listen(Factory.forProtocol(_Echo)))
    try:
        for _ in range(2):
            there = TCP4ClientEndpoint(world.reactor, "127.0.0.1", port.getHost().port, 5)
            client: _Client = await triloop.as_future(connectProtocol(there, _Client()))
            await triloop.as_future(client.done)
    finally:
        await triloop.as_future(port.stopListening())


class _Output(ProcessProtocol):
    def __init__(self) -> None:
        self.heard = b""
        self.done: Deferred[tuple[int, bytes]] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self.heard += data

    def processEnded(self, reason: Failure) -> None:
        code: Any = reason.value
        self.done.callback((code.exitCode, self.heard))


async def twisted_process(world: World) -> None:
    """A child process, what it says and how it ends."""
    output = _Output()
    world.reactor.spawnProcess(output, "/bin/echo", ["echo", "said"], env=dict(os.environ))
    assert await triloop.as_future(output.done) == (0, b"said\n")


async def twisted_terminal(world: World) -> None:
    """The same on a terminal: Twisted makes such a child by ``os.fork``."""
    output = _Output()
    environment = dict(os.environ)
    world.reactor.spawnProcess(output, "/bin/echo", ["echo", "said"], environment, usePTY=True)
    assert await triloop.as_future(output.done) == (0, b"said\r\n")


async def twisted_thread(world: World) -> None:
    """The result of a thread."""
    pids = [deferToThread(os.getpid) for _ in range(2)]
    for pid in pids:
        assert await triloop.as_future(pid) == os.getpid()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1000):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the client gets the error
    finally:
        writer.close()


async def asyncio_echo(world: World) -> None:
    """Two connections, one after the other, and their echo."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    try:
        for _ in range(2):
            await _ask(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def _ask(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in _PIECES:
            writer.write(piece)
        assert await reader.readexactly(len(_WHOLE)) == _WHOLE
    finally:
        writer.close()


async def asyncio_process(world: World) -> None:
    """A child process, what it says and how it ends."""
    child = await asyncio.create_subprocess_exec(
        "/bin/echo", "said", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    assert output == b"said\n"
    assert child.returncode == 0


async def asyncio_thread(world: World) -> None:
    """The result of a thread."""
    for _ in range(2):
        assert await world.loop.run_in_executor(None, os.getpid) == os.getpid()


TWISTED: tuple[Program, ...] = (
    twisted_echo,
    twisted_process,
    twisted_terminal,
    twisted_thread,
)
ASYNCIO: tuple[Program, ...] = (asyncio_echo, asyncio_process, asyncio_thread)
if sys.version_info < (3, 12):  # its child watcher is the policy's, for one loop at a time
    ASYNCIO = (asyncio_echo, asyncio_thread)
