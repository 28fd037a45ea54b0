"""The rows for requests to an asyncio loop or Tornado's IOLoop: their callbacks' contexts."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.ioloop import IOLoop

from tests.contract.contexts import peers
from tests.contract.contexts.places import ANOTHER, OWN, Place, Row, See, in_thread, var, within

Body = Callable[[Place, See], Awaitable[object]]


class Watched(asyncio.Protocol):
    """Notes the context of one of its callbacks; may set the variable in another."""

    def __init__(self, name: str, see: See, sets: str = "") -> None:
        self._name, self._see, self._sets = name, see, sets
        self._received = 0

    def do(self, name: str) -> None:
        if name == self._sets:
            var.set(OWN)
        if name == self._name:
            self._see()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.do("connection_made")

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)
        self._received += 1
        self.do("data_received" if self._received == 1 else "later data_received")

    def connection_lost(self, exc: object) -> None:
        self.do("connection_lost")

    def resume_writing(self) -> None:
        self.do("resume_writing")


def task(body: Body, *, alone: bool = False) -> Row:
    """A row whose asker is a task."""

    def begin(place: Place, see: See) -> None:
        running = place.loop.create_task(body(place, see))
        place.ends.append(lambda: running)  # referenced until the end

    return Row(begin, alone=alone)


def connect(name: str, talk: peers.Talk = peers.say, sets: str = "") -> Row:
    async def body(place: Place, see: See) -> None:
        address = peers.listening(talk)
        await place.loop.create_connection(lambda: Watched(name, see, sets), *address)

    return task(body, alone=bool(sets))


def serve(name: str) -> Row:
    async def body(place: Place, see: See) -> None:
        server = await place.loop.create_server(lambda: Watched(name, see), "127.0.0.1", 0)
        place.ends.append(server.close)
        peers.connecting(server.sockets[0].getsockname(), peers.say)

    return task(body)


async def streams(place: Place, see: See) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        see()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    place.ends.append(server.close)
    peers.connecting(server.sockets[0].getsockname(), peers.say)


async def lost_by_another(place: Place, see: See) -> None:
    address = peers.listening(peers.stay)
    transport, _ = await place.loop.create_connection(
        lambda: Watched("connection_lost", see), *address
    )
    within(ANOTHER, place.loop.call_later, 0.01, transport.abort)


async def datagram(place: Place, see: See) -> None:
    class Receiver(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            see()

    transport, _ = await place.loop.create_datagram_endpoint(Receiver, local_addr=("127.0.0.1", 0))
    place.ends.append(transport.close)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"x", transport.get_extra_info("sockname"))


def spawn(name: str) -> Row:
    async def body(place: Place, see: See) -> None:
        class Child(asyncio.SubprocessProtocol):
            def callback(self, *args: object) -> None:
                see()

        child = Child()
        setattr(child, name, child.callback)
        shell = place.loop.subprocess_exec(lambda: child, "/bin/sh", "-c", "echo x", stdin=None)
        transport, _ = await shell
        place.ends.append(transport.close)

    return task(body)


def add_reader(place: Place, see: See) -> None:
    here, there = socket.socketpair()

    def ready() -> None:
        place.loop.remove_reader(here)
        here.close()
        there.close()
        see()

    place.loop.add_reader(here, ready)
    place.loop.call_later(0.01, there.send, b"x")


def add_signal_handler(place: Place, see: See) -> None:
    place.loop.add_signal_handler(signal.SIGUSR1, see)
    place.ends.append(lambda: place.loop.remove_signal_handler(signal.SIGUSR1))
    within(ANOTHER, place.loop.call_later, 0.01, os.kill, os.getpid(), signal.SIGUSR1)


def done_callback(place: Place, see: See) -> None:
    future = place.loop.create_future()
    future.add_done_callback(lambda _: see())
    within(ANOTHER, place.loop.call_later, 0.01, future.set_result, None)


async def after_executor(place: Place, see: See) -> None:
    await place.loop.run_in_executor(None, lambda: None)
    see()


async def after_set(place: Place, see: See) -> None:
    """What a task sets stays set, whichever code resolves the awaited future."""
    token = var.set(OWN)
    future = place.loop.create_future()
    within(ANOTHER, place.loop.call_later, 0.01, future.set_result, None)
    await future
    see()
    var.reset(token)


def tornado(call: Callable[[Any, See], object]) -> Row:
    async def body(place: Place, see: See) -> None:
        call(IOLoop.current(), see)

    return task(body)


ROWS: dict[str, Row] = {
    "`call_soon`": Row(lambda place, see: place.loop.call_soon(see)),
    "`call_later`": Row(lambda place, see: place.loop.call_later(0.01, see)),
    "`call_soon_threadsafe`, as in the thread": Row(
        lambda place, see: in_thread(place.loop.call_soon_threadsafe, see)
    ),
    "`add_done_callback`, resolved by another": Row(done_callback),
    "a task, resumed by another": task(after_set),
    "a task, after `run_in_executor`": task(after_executor),
    "`add_reader`": Row(add_reader),
    "`add_signal_handler`": Row(add_signal_handler),
    "`create_connection`: `connection_made`": connect("connection_made"),
    "`create_connection`: `data_received`": connect("data_received"),
    "`create_connection`: `connection_lost`": connect("connection_lost"),
    "`connection_lost` after another's `abort`": task(lost_by_another),
    "set in `connection_made`, read in `data_received`": connect(
        "data_received", sets="connection_made"
    ),
    "set in `data_received`, read in the next one": connect(
        "later data_received", peers.say_twice, sets="data_received"
    ),
    "`create_server`: `connection_made`": serve("connection_made"),
    "`create_server`: `data_received`": serve("data_received"),
    "`start_server`: its handler": task(streams),
    "`create_datagram_endpoint`: `datagram_received`": task(datagram),
    "`subprocess_exec`: `pipe_data_received`": spawn("pipe_data_received"),
    "`subprocess_exec`: `process_exited`": spawn("process_exited"),
    "Tornado's `add_callback`": tornado(lambda loop, see: loop.add_callback(see)),
    "Tornado's `call_later`": tornado(lambda loop, see: loop.call_later(0.01, see)),
}
