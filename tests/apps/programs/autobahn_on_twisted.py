"""autobahn: a WebSocket to and fro, on its Twisted backend."""

from typing import Any

from tests.apps import host


async def main() -> None:
    from autobahn.twisted.websocket import (
        WebSocketClientFactory,
        WebSocketClientProtocol,
        WebSocketServerFactory,
        WebSocketServerProtocol,
    )
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    import triloop

    answered: Deferred[bytes] = Deferred()
    closed: Deferred[None] = Deferred()

    class Server(WebSocketServerProtocol):  # type: ignore[misc]
        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            self.sendMessage(payload[::-1], isBinary)

    class Client(WebSocketClientProtocol):  # type: ignore[misc]
        def onOpen(self) -> None:
            self.sendMessage(b"hello", True)

        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            answered.callback(payload)
            self.sendClose()

        def onClose(self, *why: Any) -> None:
            closed.callback(None)

    servers = WebSocketServerFactory()
    servers.protocol = Server
    port = reactor.listenTCP(0, servers, interface="127.0.0.1")
    number = port.getHost().port
    clients = WebSocketClientFactory(f"ws://127.0.0.1:{number}")
    clients.protocol = Client
    reactor.connectTCP("127.0.0.1", number, clients)
    assert await triloop.wait(answered) == b"olleh"
    await triloop.wait(closed)
    await triloop.wait(port.stopListening())


host.run(main)
