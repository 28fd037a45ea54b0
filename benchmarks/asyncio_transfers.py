"""Servers that send or take 100 MiB, as asyncio's users write them."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import BinaryIO

from benchmarks.asyncio_services import listen
from benchmarks.jobs import KIB, PART, TRANSFER

__all__ = ["buffered", "download", "sendfile", "upload", "writelines"]

_CHUNK = bytes(64 * KIB)
_LINES = [bytes(16 * KIB)] * 4
_BUFFER = 256 * KIB


class Download(asyncio.Protocol):
    """Sends it all when asked to, no faster than the peer reads."""

    _left = 0
    _paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :meth:`asyncio.BaseProtocol.connection_made`."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._write = partial(self._transport.write, _CHUNK)

    def data_received(self, data: bytes) -> None:
        """See :meth:`asyncio.Protocol.data_received`."""
        self._left = TRANSFER
        self.resume_writing()

    def pause_writing(self) -> None:
        """See :meth:`asyncio.BaseProtocol.pause_writing`."""
        self._paused = True

    def resume_writing(self) -> None:
        """See :meth:`asyncio.BaseProtocol.resume_writing`."""
        self._paused = False
        while self._left and not self._paused:
            self._left -= len(_CHUNK)
            self._write()


class Writelines(Download):
    """The same in many pieces."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :meth:`asyncio.BaseProtocol.connection_made`."""
        super().connection_made(transport)
        self._write = partial(self._transport.writelines, _LINES)


class Sendfile(asyncio.Protocol):
    """Has the kernel send a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :meth:`asyncio.BaseProtocol.connection_made`."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """See :meth:`asyncio.Protocol.data_received`."""
        loop = asyncio.get_running_loop()
        self._sending = loop.create_task(loop.sendfile(self._transport, self._file))


class Upload(asyncio.Protocol):
    """Takes all that comes; answers each part with a byte, and pauses after it."""

    _left = PART

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :meth:`asyncio.BaseProtocol.connection_made`."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        """See :meth:`asyncio.Protocol.data_received`."""
        self._count(len(data))

    def _count(self, size: int) -> None:
        self._left -= size
        if not self._left:
            self._left = PART
            self._transport.pause_reading()
            self._loop.call_soon(self._transport.resume_reading)
            self._transport.write(b".")


class Buffered(Upload, asyncio.BufferedProtocol):
    """The same into a buffer of its own."""

    def __init__(self) -> None:
        self._buffer = bytearray(_BUFFER)

    def get_buffer(self, sizehint: int) -> bytearray:
        """See :meth:`asyncio.BufferedProtocol.get_buffer`."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See :meth:`asyncio.BufferedProtocol.buffer_updated`."""
        self._count(nbytes)


async def download() -> int:
    """Writes of 64 KiB; the port."""
    return await listen(Download)


async def writelines() -> int:
    """Four times 16 KiB at once; the port."""
    return await listen(Writelines)


async def sendfile() -> int:
    """A file in memory; the port."""
    file = os.fdopen(os.memfd_create("file"), "r+b")
    file.write(bytes(TRANSFER))
    return await listen(partial(Sendfile, file))


async def upload() -> int:
    """A Protocol; the port."""
    return await listen(Upload)


async def buffered() -> int:
    """A BufferedProtocol; the port."""
    return await listen(Buffered)
