"""Servers as aiohttp's users write them."""

from __future__ import annotations

import socket

from aiohttp import web as aiohttp

__all__ = ["web"]

_BACKLOG = 1024
_LOCAL = "127.0.0.1"


async def web() -> int:
    """A page, without an access log; the port."""
    application = aiohttp.Application()
    application.router.add_get("/", _hello)
    runner = aiohttp.AppRunner(application, access_log=None)
    await runner.setup()
    listener = socket.create_server((_LOCAL, 0), backlog=_BACKLOG)
    listener.setblocking(False)
    port = int(listener.getsockname()[1])  # asked now, as rloop takes the descriptor away
    await aiohttp.SockSite(runner, listener).start()
    return port


async def _hello(request: aiohttp.Request) -> aiohttp.Response:
    return aiohttp.Response(body=b"Hello, world!\n", content_type="text/plain", charset="utf-8")
