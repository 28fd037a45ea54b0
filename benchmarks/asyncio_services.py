"""Servers as asyncio's users write them.

Nothing is imported that such a program would not import: what a process has loaded and freed
decides how its allocator treats the 256 KiB that asyncio asks for at every read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

__all__ = ["datagrams", "echo", "listen", "streams", "tls"]

_BACKLOG = 1024
_LOCAL = "127.0.0.1"
_BUFFER = 65536
# A server without a reference would be collected.
_kept: list[Any] = []


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :meth:`asyncio.BaseProtocol.connection_made`."""
        # uvloop's has all methods of asyncio.Transport, but is not an instance of it.
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """See :meth:`asyncio.Protocol.data_received`."""
        self.transport.write(data)


class EchoDatagrams(asyncio.DatagramProtocol):
    """Sends back what it gets."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """See :meth:`asyncio.BaseProtocol.connection_made`."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """See :meth:`asyncio.DatagramProtocol.datagram_received`."""
        self.transport.sendto(data, addr)


async def _streams_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_BUFFER):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def echo() -> int:
    """A Protocol; the port."""
    return await listen(Echo)


async def listen(protocol: Callable[[], asyncio.BaseProtocol]) -> int:
    """Any Protocol; the port."""
    loop = asyncio.get_running_loop()
    return _keep(await loop.create_server(protocol, _LOCAL, 0, backlog=_BACKLOG))


async def tls() -> int:
    """The same behind TLS; the port."""
    from benchmarks.certificate import server_context

    loop = asyncio.get_running_loop()
    context = server_context()
    return _keep(await loop.create_server(Echo, _LOCAL, 0, backlog=_BACKLOG, ssl=context))


async def streams() -> int:
    """A reader and a writer; the port."""
    return _keep(await asyncio.start_server(_streams_client, _LOCAL, 0, backlog=_BACKLOG))


async def datagrams() -> int:
    """A DatagramProtocol; the port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(EchoDatagrams, (_LOCAL, 0))
    _kept.append(transport)
    return int(transport.get_extra_info("sockname")[1])


def _keep(server: asyncio.Server) -> int:
    _kept.append(server)
    return int(server.sockets[0].getsockname()[1])
