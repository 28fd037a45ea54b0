"""A WebSocket echo of Django Channels on Daphne."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.contenders import install

__all__ = ["serve"]


def serve(contender: str, announce: Callable[[int], None]) -> None:
    """Serve for ever.

    Args:
        contender: The reactor.
        announce: Called with the port.
    """
    install(contender)

    import django
    from channels.generic.websocket import AsyncWebsocketConsumer
    from channels.routing import ProtocolTypeRouter, URLRouter
    from daphne.server import Server
    from django.conf import settings
    from django.urls import path

    class Echo(AsyncWebsocketConsumer):  # type: ignore[misc]
        async def receive(self, text_data: str | None = None, bytes_data: Any = None) -> None:
            await self.send(text_data=text_data, bytes_data=bytes_data)

    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="of this benchmark", LOGGING_CONFIG=None)
    django.setup()
    sockets = URLRouter([path("echo", Echo.as_asgi())])
    server: Any = Server(
        ProtocolTypeRouter({"websocket": sockets}),
        endpoints=["tcp:0:interface=127.0.0.1"],
        verbosity=0,
        ready_callable=lambda: announce(server.listening_addresses[0][1]),
    )
    server.run()
