"""An application of Django Channels, for Daphne; its consumer awaits Twisted and asyncio."""

import asyncio
from typing import Any

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path
from twisted.internet import reactor
from twisted.internet.task import deferLater

import triloop


class Shout(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def receive(self, text_data: str = "", bytes_data: Any = None) -> None:
        await asyncio.sleep(0.01)
        await triloop.wait(deferLater(reactor, 0.01))
        if text_data == "reactor":
            loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
            text_data = f"{type(reactor).__name__} in {loop}"
        await self.send(text_data=text_data.upper())


settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=(), SECRET_KEY="of this test", LOGGING={})
django.setup()
sockets = URLRouter([path("shout", Shout.as_asgi())])
application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": sockets})
