"""The site that clients ask: ``python -m benchmarks.applications.site``.

``/page/NUMBER/SIZE`` is one of some hundred pages that link to each other, ``/file/SIZE`` a
download. It prints its port and serves until its parent kills it, or dies.

It never sleeps, as the load of the servers does not: a client that sends each request at once would
pay for waking it each time, one that sends them in bursts would not.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import cast

import uvloop

from benchmarks.contenders import die_with_parent
from benchmarks.servers import announce

__all__ = ["PAGES"]

#: How many pages there are.
PAGES = 300
_LINKS = 10
_PARAGRAPH = "<p>Any text will do, as long as there is enough of it to be parsed.</p>\n"


class Connection(asyncio.Protocol):
    """HTTP with persistent connections, for GET alone."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :meth:`asyncio.BaseProtocol.connection_made`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See :meth:`asyncio.Protocol.data_received`."""
        *requests, self._received = (self._received + data).split(b"\r\n\r\n")
        for request in requests:
            self._transport.write(answer(request.split(b" ", 2)[1].decode()))


@cache
def answer(path: str) -> bytes:
    """The whole answer, head and body."""
    _, kind, *numbers = path.split("/")
    body = page(*map(int, numbers)) if kind == "page" else b"x" * int(numbers[0])
    what = "text/html" if kind == "page" else "application/octet-stream"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {what}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def page(number: int, size: int) -> bytes:
    """A page of about ``size`` bytes; each links to ten others, and to one that all link to."""
    first = number * _LINKS + 1
    linked = [1, *range(first, min(first + _LINKS, PAGES))]
    links = "".join(f'<a href="/page/{other}/{size}">page {other}</a>\n' for other in linked)
    text = _PARAGRAPH * (size // len(_PARAGRAPH))
    return f"<html><title>Page {number}</title>\n<body>{links}{text}</body></html>".encode()


async def main() -> None:
    """Serve for ever."""
    loop = asyncio.get_running_loop()

    def stay_awake() -> None:
        loop.call_soon(stay_awake)

    stay_awake()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    die_with_parent()
    uvloop.run(main())
