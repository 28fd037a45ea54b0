"""Programs over asyncio's StreamReader and StreamWriter: two coroutines that talk to each other.

What a read gives is certain where it asks for a number of bytes, for a line, or for all; so only
such reads are made. A coroutine ends at the first exception, and what that was counts too.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.certificates import Certificate

__all__ = ["Readers", "play"]

SIZES = [0, 1, 10, 1000, 65_536, 65_537, 300_000, 1 << 20]
WRITES = {"write": 8, "lines": 3, "drain": 6}
READS = {"exactly": 6, "line": 3, "until": 3}
CERTIFICATE = Certificate()

Op = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class Readers:
    """A program: a medium, the limit of the readers, and what each end does, in its turn.

    The steps alternate between the ends: one writes, and then the other reads what was written.
    """

    world: str
    seed: int
    medium: str
    limit: int
    steps: tuple[tuple[int, tuple[Op, ...], tuple[Op, ...]], ...]
    end: str

    @classmethod
    def make(cls, world: str, seed: int) -> Readers:
        """The program of a seed."""
        rng = random.Random(f"{world} {seed}")
        medium = rng.choice(["tcp", "tcp", "unix", "tls"])
        steps = tuple(_step(rng) for _ in range(rng.randint(1, 6)))
        end = rng.choice(["close", "eof", "abort", "both"])
        return cls(world, seed, medium, rng.choice([1 << 10, 1 << 16, 1 << 20]), steps, end)


def _step(rng: random.Random) -> tuple[int, tuple[Op, ...], tuple[Op, ...]]:
    """Who writes, what, and how the other one reads that."""
    names = rng.choices(list(WRITES), list(WRITES.values()), k=rng.randint(1, 4))
    writes = tuple((name, tuple(rng.choices(SIZES, k=rng.randint(1, 3)))) for name in names)
    reads = rng.choices(list(READS), list(READS.values()), k=rng.randint(1, 3))
    return rng.randrange(2), writes, tuple((name, (rng.choice(SIZES),)) for name in reads)


class End:
    """One end: writes lines of x, and notes what it reads."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.sent = 0
        self.told: list[Any] = []

    async def write(self, ops: tuple[Op, ...]) -> int:
        """Write, and then the end of a line; returns the number of bytes."""
        before = self.sent
        for name, sizes in ops:
            if name == "drain":
                await self.writer.drain()
            elif name == "lines":
                self.writer.writelines([self.bytes_of(size) for size in sizes])
            else:
                self.writer.write(self.bytes_of(sizes[0]))
        self.writer.write(b"\n")
        return self.sent - before + 1

    def bytes_of(self, size: int) -> bytes:
        self.sent += size
        return b"x" * size

    async def read(self, ops: tuple[Op, ...], number: int) -> None:
        """Read what the other end has written, this many bytes and the end of a line."""
        for name, (size,) in ops:
            if name == "exactly":
                size = min(size, number)  # noqa: PLW2901 - more would never come
                await self.note(self.reader.readexactly(size))
                number -= size
            elif number:
                read = self.reader.readline if name == "line" else self.reader.readuntil
                if not await self.note(read()):
                    break  # what is left of a line that is too long depends on the pieces
                number = 0
        with contextlib.suppress(asyncio.IncompleteReadError):
            rest = await self.reader.readexactly(number) if number else b""
            self.told.append(("rest", len(rest)))

    async def note(self, reading: Any) -> bool:
        try:
            data = await reading
        except (ValueError, asyncio.LimitOverrunError) as problem:
            self.told.append(type(problem).__name__)
            return False
        self.told.append((len(data), zlib.crc32(data)))
        return True


async def _converse(program: Readers, ends: tuple[End, End]) -> None:
    for who, writes, reads in program.steps:
        writer, reader = ends[who], ends[1 - who]
        reading = asyncio.ensure_future(writer.write(writes))
        size = sum(
            sum(sizes[: 1 if name == "write" else None])
            for name, sizes in writes
            if name != "drain"
        )
        too_long = any(name != "exactly" for name, _ in reads) and size >= program.limit
        await reader.read(
            tuple(op for op in reads if op[0] == "exactly") if too_long else reads, size + 1
        )
        assert await reading == size + 1
    await _finish(program, ends)


async def _finish(program: Readers, ends: tuple[End, End]) -> None:
    """End the connection, and note how the other end, and both, hear of it."""
    one, other = ends
    one.writer.write(b"last words")
    if program.end == "eof" and one.writer.can_write_eof():
        one.writer.write_eof()
    elif program.end == "abort":
        await one.writer.drain()
        other.told.append(await other.reader.readexactly(10))
        one.writer.transport.abort()
    else:
        one.writer.close()
        if program.end == "both":
            other.writer.close()
    for end in (other, one):
        try:
            end.told.append(("to the end", await end.reader.read(-1)))
        except OSError as problem:
            end.told.append(type(problem).__name__)
        end.told.append(end.reader.at_eof())
        end.writer.close()
        try:
            await end.writer.wait_closed()
        except OSError as problem:
            end.told.append(type(problem).__name__)


async def _play(program: Readers, folder: Path) -> list[Any]:
    accepted: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(End(reader, writer))

    limit = program.limit
    if program.medium == "unix":
        path = str(folder / "socket")
        server = await asyncio.start_unix_server(serve, path, limit=limit)
        client = End(*await asyncio.open_unix_connection(path, limit=limit))
    else:
        tls = program.medium == "tls"
        ours = CERTIFICATE.server_context() if tls else None
        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=limit, ssl=ours)
        where = server.sockets[0].getsockname()
        options: dict[str, Any] = {}
        if tls:
            options = {"ssl": CERTIFICATE.client_context(), "server_hostname": "localhost"}
        client = End(*await asyncio.open_connection(*where, limit=limit, **options))
    ends = client, await accepted
    await _converse(program, ends)
    server.close()
    return [end.told for end in ends]


def play(program: Readers, loop: asyncio.AbstractEventLoop, folder: Path) -> list[Any]:
    """The outcome of a program on a loop, which is closed afterwards."""
    errors: list[str] = []
    loop.set_exception_handler(
        lambda _, context: errors.append(type(context.get("exception")).__name__)
    )
    try:
        told = loop.run_until_complete(asyncio.wait_for(_play(program, folder), 20))
        loop.run_until_complete(asyncio.sleep(0))
    except Exception as problem:  # noqa: BLE001 - a part of the outcome
        told = [repr(problem)]
    finally:
        loop.close()
    return [*told, errors]
