"""Django Channels on Daphne: a WebSocket to a consumer that awaits Twisted and asyncio."""

from tests.apps import host

reactor = host.install()

import asyncio  # noqa: E402
from typing import Any  # noqa: E402

import django  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from daphne.server import Server  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from twisted.internet.task import deferLater  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

import triloop  # noqa: E402


class Shout(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def receive(self, text_data: str = "", bytes_data: Any = None) -> None:
        await asyncio.sleep(0.01)
        await triloop.wait(deferLater(reactor, 0.01))
        await self.send(text_data=text_data.upper())


settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=(), SECRET_KEY="of this test", LOGGING={})
django.setup()
sockets = URLRouter([path("shout", Shout.as_asgi())])
application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": sockets})
port = host.free_port()


def client() -> None:
    with host.until_up(lambda: connect(f"ws://127.0.0.1:{port}/shout")) as socket:
        socket.send("hello")
        assert socket.recv(timeout=20) == "HELLO"


host.beside(client, lambda: reactor.callFromThread(reactor.stop))
Server(application, endpoints=[f"tcp:{port}:interface=127.0.0.1"], verbosity=0).run()
