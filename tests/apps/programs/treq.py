"""treq: it asks a server of asyncio's, and posts JSON to it."""

import asyncio
from typing import Any

from tests.apps import host


async def main() -> None:
    import treq
    from twisted.internet import reactor
    from twisted.web.client import HTTPConnectionPool

    import triloop

    async def answer(reader: Any, writer: Any) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        body = await reader.readexactly(length) or b"hello treq"
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    pool = HTTPConnectionPool(reactor)
    response = await triloop.wait(treq.get(url, pool=pool))
    assert await triloop.wait(response.text()) == "hello treq"
    response = await triloop.wait(treq.post(url, json={"a": [1, 2]}, pool=pool))
    assert await triloop.wait(response.json()) == {"a": [1, 2]}
    await triloop.wait(pool.closeCachedConnections())
    server.close()


host.run(main)
