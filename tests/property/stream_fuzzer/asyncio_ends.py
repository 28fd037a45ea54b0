"""Programs on an asyncio loop."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from termios import FIONREAD
from typing import Any

from tests.contract.certificates import Certificate
from tests.property.stream_fuzzer.programs import Op, Pair, Program
from tests.property.stream_fuzzer.scene import End, Rest, Scene, limit_buffers, queued

__all__ = ["play"]

#: Passes of the loop without an event after which nothing moves any more.
PASSES = {False: 4, True: 20}
CERTIFICATE = Certificate()


class AsyncioEnd(End, asyncio.Protocol):
    """An end with an asyncio protocol."""

    #: Whether the connection stays open for writes when the peer has ended its own.
    keeps_open = False
    in_tls = False
    #: Whether it was told to pause writing; when that happens depends on the kernel.
    full = False
    sending: asyncio.Task[Any] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.bare = transport.get_extra_info("socket")._sock
        limit_buffers(self.bare)
        self.is_open = True
        self.told("made")
        self.due("made")

    def data_received(self, data: bytes) -> None:
        self.takes(data)

    def eof_received(self) -> bool:
        self.heard_all = True
        self.told("eof", self.reading)
        return self.keeps_open and not self.in_tls

    def pause_writing(self) -> None:
        self.flow(full=True)

    def resume_writing(self) -> None:
        self.flow(full=False)

    def flow(self, *, full: bool) -> None:
        self.scene.activity += 1
        if self.full is full:
            self.told(f"told twice: {full}", self.writing)
        self.full = full

    def state(self) -> list[str]:
        return ["full"] if self.full and self.is_open else []

    def connection_lost(self, exc: BaseException | None) -> None:
        self.is_open = False
        self.told(f"lost: {type(exc).__name__}")
        self.due("lost")

    def reads(self) -> bool:
        if not self.is_open or self.is_paused or self.heard_all:
            return False
        return not self.transport.is_closing()

    def busy(self) -> bool:
        idle = self.sending is None or self.sending.done()
        return not idle or not self.reads() or self.wrote_eof

    def has_no_certain_end(self, op: Op) -> bool:
        if super().has_no_certain_end(op) or self.closed:
            return True
        # Which comes first, the end of the input or the error of the write, depends on how much
        # is read at once.
        return self.is_open and not self.peer.is_open and queued(self.bare, FIONREAD) > 0

    def unsent(self) -> int:
        return int(self.transport.get_write_buffer_size()) if self.reads() else 0

    def socket(self) -> Any:
        return self.bare

    wrote_eof = closed = False

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def do_write(self, size: int) -> None:
        kind = (bytes, bytearray, memoryview)[size % 3]
        self.transport.write(kind(self.bytes_of(size)))

    def do_lines(self, *sizes: int) -> None:
        self.transport.writelines([self.bytes_of(size) for size in sizes])

    def do_pause(self) -> None:
        self.is_paused = self.was_paused = True
        self.transport.pause_reading()
        self.told(f"reading: {self.transport.is_reading()}", self.writing)

    def do_resume(self) -> None:
        self.is_paused = False
        self.transport.resume_reading()
        self.told(f"reading: {self.transport.is_reading()}", self.writing)

    def do_limits(self, high: int) -> None:
        self.transport.set_write_buffer_limits(high)
        self.told(f"limits: {self.transport.get_write_buffer_limits()}", self.writing)

    def do_sendfile(self, size: int) -> None:
        if not self.in_tls:  # where it is done by threads
            self.sending = asyncio.ensure_future(self.send_file(self.bytes_of(size)))

    async def send_file(self, data: bytes) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(data)
            try:
                sent = await asyncio.get_running_loop().sendfile(self.transport, file)
                self.told(f"file: {sent}", self.writing)
            except Exception as problem:  # noqa: BLE001 - whatever the loop raises
                self.told(f"file: {type(problem).__name__}", self.writing)

    def do_switch(self) -> None:
        """Go on with the other kind of protocol."""
        if self.in_tls:
            return
        protocol = self if isinstance(self.transport.get_protocol(), Buffered) else Buffered(self)
        self.transport.set_protocol(protocol)
        self.told(f"protocol: {type(self.transport.get_protocol()).__name__}", self.writing)

    def do_eof(self) -> None:
        self.told(f"can write eof: {self.transport.can_write_eof()}", self.writing)
        self.wrote_eof = not self.in_tls
        self.transport.write_eof()

    def do_close(self) -> None:
        self.closed = True
        self.transport.close()
        self.told(f"closing: {self.transport.is_closing()}", self.writing)

    def do_abort(self) -> None:
        self.closed = True
        self.transport.abort()
        self.told(f"closing: {self.transport.is_closing()}", self.writing)

    def finish(self) -> None:
        self.do_close()

    def give_up(self) -> None:
        self.transport.abort()


class KeepsOpen(AsyncioEnd):
    """One that goes on to write when the peer has ended its side."""

    keeps_open = True


class Buffered(asyncio.BufferedProtocol):
    """A protocol for an end that has its own buffer."""

    def __init__(self, end: AsyncioEnd) -> None:
        self.end = end
        self.buffer = bytearray(50_000)
        self.connection_made = end.connection_made  # type: ignore[method-assign]
        self.eof_received = end.eof_received  # type: ignore[method-assign]
        self.pause_writing = end.pause_writing  # type: ignore[method-assign]
        self.resume_writing = end.resume_writing  # type: ignore[method-assign]
        self.connection_lost = end.connection_lost  # type: ignore[method-assign]

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.end.takes(bytes(self.buffer[:nbytes]))


ENDS = {"plain": AsyncioEnd, "buffered": AsyncioEnd, "keeps open": KeepsOpen}


class AsyncioScene(Scene):
    """A program on a loop."""

    def __init__(self, program: Program, folder: Path) -> None:
        super().__init__(program)
        self.folder = folder
        self.servers: list[asyncio.AbstractServer] = []
        self.upgrades: list[asyncio.Future[Any]] = []

    def note_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Note an uncaught error."""
        problem = context.get("exception")
        message = context["message"].replace("StreamTransport", "_SelectorSocketTransport")
        self.errors.append(f"{message}: {type(problem).__name__}")

    async def play(self) -> None:
        """Make the connections, then follow the script."""
        asyncio.get_running_loop().set_exception_handler(self.note_error)
        for number, pair in enumerate(self.program.pairs):
            await self.connect(number, pair)
        for _ in self.script():
            await self.come_to_rest(PASSES[self.has_tls()])
        for server in self.servers:
            server.close()
        await self.come_to_rest(1)

    async def come_to_rest(self, passes: int) -> None:
        """Wait until nothing has moved for some passes of the loop."""
        rest = Rest(self, passes)
        come = rest.come()
        while not come:
            await asyncio.sleep(rest.pause)
            come = rest.come()

    async def connect(self, number: int, pair: Pair) -> None:
        loop = asyncio.get_running_loop()
        ends = []
        for end, kind in enumerate(pair.kinds):
            name = f"{number}.{'client' if end else 'server'} ({pair.medium}, {kind})"
            made = ENDS[kind](
                self, name, *(self.ops_at(number, end, where) for where in ("made", "lost"))
            )
            made.in_tls = pair.medium == "tls"
            ends.append(made)
        self.ends.append((ends[0], ends[1]))
        server, client = (
            (lambda made=made, kind=kind: Buffered(made) if kind == "buffered" else made)
            for made, kind in zip(ends, pair.kinds, strict=True)
        )
        if pair.medium == "unix":
            path = str(self.folder / f"{number}")
            self.servers.append(await loop.create_unix_server(server, path))
            await loop.create_unix_connection(client, path)
            return
        secure = pair.medium == "tls"
        ssl = CERTIFICATE.server_context() if secure else None
        listening = await loop.create_server(server, "127.0.0.1", 0, ssl=ssl)
        self.servers.append(listening)
        await loop.create_connection(
            client,
            *listening.sockets[0].getsockname(),
            ssl=CERTIFICATE.client_context() if secure else None,
            server_hostname="localhost" if secure else None,
        )

    def start_tls(self, server: Any, client: Any) -> None:
        server.in_tls = client.in_tls = True
        for end, context, options in (
            (server, CERTIFICATE.server_context(), {"server_side": True}),
            (client, CERTIFICATE.client_context(), {"server_hostname": "localhost"}),
        ):
            self.upgrades.append(asyncio.ensure_future(self.upgrade(end, context, options)))

    async def upgrade(self, end: Any, context: Any, options: dict[str, Any]) -> None:
        """Go on in TLS at one end."""
        transport = end.transport
        try:
            end.transport = await asyncio.get_running_loop().start_tls(
                transport, transport.get_protocol(), context, **options
            )
            end.told("in tls", end.writing)
        except Exception as problem:  # noqa: BLE001 - whatever the loop raises
            end.told(f"no tls: {type(problem).__name__}", end.writing)


def play(program: Program, loop: asyncio.AbstractEventLoop, folder: Path) -> list[Any]:
    """The outcome of a program on this loop, which is closed afterwards."""
    scene = AsyncioScene(program, folder)
    try:
        loop.run_until_complete(asyncio.wait_for(scene.play(), 60))
        for end in (end for pair in scene.ends for end in pair):
            if end.sending is not None and not end.sending.done():  # type: ignore[attr-defined]
                end.sending.cancel()  # type: ignore[attr-defined]
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()
    return [*scene.outcome, ("left", sorted(scene.errors))]
