"""autobahn: a WebSocket to and fro, on its asyncio backend."""

import asyncio
from typing import Any

from tests.apps import host


async def main() -> None:
    from autobahn.asyncio.websocket import (
        WebSocketClientFactory,
        WebSocketClientProtocol,
        WebSocketServerFactory,
        WebSocketServerProtocol,
    )

    loop = asyncio.get_running_loop()
    answered: asyncio.Future[bytes] = loop.create_future()
    closed: asyncio.Future[None] = loop.create_future()

    class Server(WebSocketServerProtocol):  # type: ignore[misc]
        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            self.sendMessage(payload[::-1], isBinary)

    class Client(WebSocketClientProtocol):  # type: ignore[misc]
        def onOpen(self) -> None:
            self.sendMessage(b"hello", True)

        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            answered.set_result(payload)
            self.sendClose()

        def onClose(self, *why: Any) -> None:
            closed.set_result(None)

    servers = WebSocketServerFactory(loop=loop)
    servers.protocol = Server
    server = await loop.create_server(servers, "127.0.0.1", 0)
    number = server.sockets[0].getsockname()[1]
    clients = WebSocketClientFactory(f"ws://127.0.0.1:{number}", loop=loop)
    clients.protocol = Client
    await loop.create_connection(clients, "127.0.0.1", number)
    assert await answered == b"olleh"
    await closed
    server.close()


host.run(main)
