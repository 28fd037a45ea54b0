"""Every kind of callback of asyncio's; each is provoked once, and runs a given function."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

__all__ = ["CALLBACKS", "Stage"]

Fail = Callable[[], None]
Provoke = Callable[[], object]


class Stage:
    """Where a callback is provoked: a loop, and what is to be closed afterwards."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        #: The later calls of the end that fails.
        self.told: list[str] = []
        self.sockets: list[socket.socket] = []
        self.transports: list[Any] = []
        self.tasks: list[asyncio.Future[Any]] = []

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """A connection by TCP: an end for the loop, and one in blocking mode."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            far = socket.create_connection(listener.getsockname(), timeout=5)
            near, _ = listener.accept()
        near.setblocking(False)
        self.sockets += [near, far]
        return near, far

    async def connect(self, protocol: asyncio.BaseProtocol) -> tuple[Any, socket.socket]:
        """A connection with this protocol; return its transport and the far end."""
        near, far = self.pair()
        factory: Any = lambda: protocol  # noqa: E731 - typed as it is
        transport, _ = await self.loop.create_connection(factory, sock=near)
        self.transports.append(transport)
        return transport, far


def failing(stage: Stage, name: str, fail: Fail, base: type[Any] = asyncio.Protocol) -> Any:
    """A protocol whose method of this name fails once, and which records its other calls."""
    told = stage.told

    class Failing(base):  # type: ignore[misc]
        def connection_lost(self, *args: Any) -> None:
            told.append("lost")

        def data_received(self, data: bytes) -> None:
            told.append("data")

    method = getattr(Failing, name, None)

    def once(self: Any, *args: Any) -> Any:
        told.append(name)
        if told.count(name) == 1:
            fail()
        return method(self, *args) if method is not None else None

    setattr(Failing, name, once)
    return Failing()


# Calls


def called(how: Callable[[Stage, Fail], object]) -> Callable[[Stage, Fail], Awaitable[Provoke]]:
    """Call in a turn; a second call after it must not be lost."""

    async def set_up(stage: Stage, fail: Fail) -> Provoke:
        def provoke() -> None:
            how(stage, fail)
            how(stage, partial(stage.told.append, "second"))

        return provoke

    return set_up


def from_task(stage: Stage, fail: Fail) -> None:
    async def task() -> None:
        await asyncio.sleep(0)
        fail()

    stage.tasks.append(stage.loop.create_task(task()))


def when_done(stage: Stage, fail: Fail) -> None:
    future = stage.loop.create_future()
    future.add_done_callback(lambda _: fail())
    future.set_result(None)


def in_executor(stage: Stage, fail: Fail) -> None:
    future = stage.loop.run_in_executor(None, int)
    future.add_done_callback(lambda _: fail())


async def by_reader(stage: Stage, fail: Fail) -> Provoke:
    near, far = stage.pair()

    def read() -> None:
        stage.told.append(near.recv(100).decode())
        if len(stage.told) == 1:
            fail()

    def provoke() -> None:
        stage.loop.add_reader(near, read)
        far.sendall(b"first")
        stage.loop.call_later(0.002, far.sendall, b"second")

    return provoke


async def by_writer(stage: Stage, fail: Fail) -> Provoke:
    near, _ = stage.pair()

    def write() -> None:
        stage.told.append("write")
        if len(stage.told) == 1:
            fail()
        stage.loop.remove_writer(near)

    return partial(stage.loop.add_writer, near, write)


async def by_signal(stage: Stage, fail: Fail) -> Provoke:
    def handle() -> None:
        stage.told.append("signal")
        if len(stage.told) == 1:
            stage.loop.call_later(0.002, os.kill, os.getpid(), signal.SIGUSR1)
            fail()
        stage.loop.remove_signal_handler(signal.SIGUSR1)

    stage.loop.add_signal_handler(signal.SIGUSR1, handle)
    return partial(os.kill, os.getpid(), signal.SIGUSR1)


async def in_exception_handler(stage: Stage, fail: Fail) -> Provoke:
    before = stage.loop.get_exception_handler()

    def handle(loop: object, context: object) -> None:
        stage.loop.set_exception_handler(before)
        stage.told.append("exception handler")
        fail()

    def provoke() -> None:
        stage.loop.set_exception_handler(handle)
        stage.loop.call_exception_handler({"message": "an error"})

    return provoke


# Connections


def send(far: socket.socket, data: bytes) -> None:
    """Send to a peer that may have closed."""
    with contextlib.suppress(OSError):
        far.sendall(data)


def by_peer(name: str, *words: bytes) -> Callable[[Stage, Fail], Awaitable[Provoke]]:
    """The peer sends these words, one after the other, or closes if there are none."""

    async def set_up(stage: Stage, fail: Fail) -> Provoke:
        _, far = await stage.connect(failing(stage, name, fail))

        def say(*words: bytes) -> None:
            send(far, words[0])
            if words[1:]:
                stage.loop.call_later(0.002, say, *words[1:])  # a poll is between them

        return partial(say, *words) if words else far.close

    return set_up


def by_itself(name: str, method: str) -> Callable[[Stage, Fail], Awaitable[Provoke]]:
    async def set_up(stage: Stage, fail: Fail) -> Provoke:
        transport, _ = await stage.connect(failing(stage, name, fail))
        stop: Provoke = getattr(transport, method)
        return stop

    return set_up


def flow(name: str) -> Callable[[Stage, Fail], Awaitable[Provoke]]:
    async def set_up(stage: Stage, fail: Fail) -> Provoke:
        transport, far = await stage.connect(failing(stage, name, fail))
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        near = transport.get_extra_info("socket")
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
        far.setblocking(False)
        transport.set_write_buffer_limits(1000)

        def provoke() -> None:
            stage.loop.call_later(0.002, read)
            transport.write(b"x" * 1_000_000)

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                while far.recv(1 << 20):
                    pass
            if transport.get_write_buffer_size():
                stage.loop.call_later(0.001, read)

        return provoke

    return set_up


def buffered(name: str) -> Callable[[Stage, Fail], Awaitable[Provoke]]:
    async def set_up(stage: Stage, fail: Fail) -> Provoke:
        class Buffered(asyncio.BufferedProtocol):
            def get_buffer(self, sizehint: int) -> bytearray:
                return bytearray(100)

            def buffer_updated(self, nbytes: int) -> None:
                stage.told.append("updated")

        _, far = await stage.connect(failing(stage, name, fail, Buffered))

        def provoke() -> None:
            far.sendall(b"first")
            second()

        def second() -> None:
            """Send it once the first word is read, which may need another run of the loop."""
            if {"updated", "buffer_updated"} & set(stage.told):
                send(far, b"second")
            else:
                stage.loop.call_later(0.001, second)

        return provoke

    return set_up


def serving(name: str) -> Callable[[Stage, Fail], Awaitable[Provoke]]:
    """Two connect to a server, whose factory or whose first connection's protocol fails."""

    async def set_up(stage: Stage, fail: Fail) -> Provoke:
        def factory() -> Any:
            if name == "factory":
                stage.told.append("factory")
                if len(stage.told) == 1:
                    fail()
            return failing(stage, name, fail)

        server = await stage.loop.create_server(factory, "127.0.0.1", 0)
        stage.transports.append(server)
        address = server.sockets[0].getsockname()

        def provoke() -> None:
            for _ in range(2):
                stage.sockets.append(socket.create_connection(address))

        return provoke

    return set_up


async def to_client(stage: Stage, fail: Fail) -> Provoke:
    near, _ = stage.pair()

    async def connect() -> None:
        transport, _ = await stage.loop.create_connection(
            lambda: failing(stage, "connection_made", fail), sock=near
        )
        stage.transports.append(transport)
        stage.told.append("connected")

    return lambda: stage.tasks.append(stage.loop.create_task(connect()))


# Datagrams, pipes and processes


def datagram(name: str) -> Callable[[Stage, Fail], Awaitable[Provoke]]:
    async def set_up(stage: Stage, fail: Fail) -> Provoke:
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.bind(("127.0.0.1", 0))
        stage.sockets.append(sender)
        if name == "error_received":
            sender.close()
        protocol = failing(stage, name, fail, asyncio.DatagramProtocol)
        remote = None if name != "error_received" else ("127.0.0.1", 9)
        local = None if remote else ("127.0.0.1", 0)
        transport, _ = await stage.loop.create_datagram_endpoint(
            lambda: protocol, local_addr=local, remote_addr=remote
        )
        stage.transports.append(transport)

        def provoke() -> None:
            if name == "connection_lost":
                transport.close()
            elif remote:
                transport.sendto(b"to no receiver")
            else:
                address = transport.get_extra_info("sockname")
                for word in (b"first", b"second"):
                    sender.sendto(word, address)

        return provoke

    return set_up


async def from_pipe(stage: Stage, fail: Fail) -> Provoke:
    reading, writing = os.pipe()
    transport, _ = await stage.loop.connect_read_pipe(
        lambda: failing(stage, "data_received", fail), os.fdopen(reading, "rb", 0)
    )
    stage.transports.append(transport)

    def provoke() -> None:
        os.write(writing, b"first")
        stage.loop.call_later(0.002, second)

    def second() -> None:
        os.write(writing, b"second")
        os.close(writing)

    return provoke


def process(name: str) -> Callable[[Stage, Fail], Awaitable[Provoke]]:
    async def set_up(stage: Stage, fail: Fail) -> Provoke:
        protocol = failing(stage, name, fail, asyncio.SubprocessProtocol)
        transport, _ = await stage.loop.subprocess_exec(
            lambda: protocol, "/bin/sh", "-c", "read word; echo out", stderr=None
        )
        stage.transports.append(transport)
        return transport.get_pipe_transport(0).close  # type: ignore[union-attr]

    return set_up


#: By name: sets a callback up, and gives what provokes it.
CALLBACKS: dict[str, Callable[[Stage, Fail], Awaitable[Provoke]]] = {
    "call_soon": called(lambda stage, fail: stage.loop.call_soon(fail)),
    "call_later": called(lambda stage, fail: stage.loop.call_later(0.001, fail)),
    "call_at": called(lambda stage, fail: stage.loop.call_at(stage.loop.time(), fail)),
    "call_soon_threadsafe": called(lambda stage, fail: stage.loop.call_soon_threadsafe(fail)),
    "task": called(from_task),
    "done callback": called(when_done),
    "done callback of an executor": called(in_executor),
    "add_reader": by_reader,
    "add_writer": by_writer,
    "signal": by_signal,
    "exception handler": in_exception_handler,
    "data_received": by_peer("data_received", b"first", b"second"),
    "eof_received": by_peer("eof_received"),
    "connection_lost": by_peer("connection_lost"),
    "connection_lost after close": by_itself("connection_lost", "close"),
    "connection_lost after abort": by_itself("connection_lost", "abort"),
    "pause_writing": flow("pause_writing"),
    "resume_writing": flow("resume_writing"),
    "get_buffer": buffered("get_buffer"),
    "buffer_updated": buffered("buffer_updated"),
    "connection_made (server)": serving("connection_made"),
    "factory of a server": serving("factory"),
    "connection_made (client)": to_client,
    "datagram_received": datagram("datagram_received"),
    "error_received": datagram("error_received"),
    "connection_lost (datagrams)": datagram("connection_lost"),
    "data_received (pipe)": from_pipe,
    "pipe_data_received": process("pipe_data_received"),
    "pipe_connection_lost": process("pipe_connection_lost"),
    "process_exited": process("process_exited"),
    "connection_lost (process)": process("connection_lost"),
}
