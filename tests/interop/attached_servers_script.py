"""Programs in which a server of another library owns the loop."""

from __future__ import annotations

import asyncio
import urllib.request
from typing import Any

import tornado.httpserver
import tornado.web
import uvicorn
from tornado.netutil import bind_sockets

from tests.interop.attached_script import PATIENCE, use_attached_shared
from tests.interop.programs import run_program


async def fetch(url: str) -> str:
    def read() -> str:
        with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
            body: bytes = reply.read()
            return body.decode()

    return await asyncio.to_thread(read)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that uses Twisted for each request."""
    assert scope["type"] == "http"
    await use_attached_shared()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"used"})


def works_in_uvicorn() -> None:
    async def main() -> None:
        config = uvicorn.Config(application, port=0, lifespan="off", log_level="error")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - it has no callback
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        replies = await asyncio.gather(*(fetch(f"http://127.0.0.1:{port}/") for _ in range(4)))
        assert replies == ["used"] * 4
        server.should_exit = True
        await serving

    asyncio.run(main())


class Handler(tornado.web.RequestHandler):
    async def get(self) -> None:
        await use_attached_shared()
        self.write("used")


def works_in_a_tornado_handler() -> None:
    async def main() -> None:
        sockets = bind_sockets(0, "127.0.0.1")
        server = tornado.httpserver.HTTPServer(tornado.web.Application([("/", Handler)]))
        server.add_sockets(sockets)
        url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/"
        assert await asyncio.gather(*(fetch(url) for _ in range(4))) == ["used"] * 4
        server.stop()
        await server.close_all_connections()

    asyncio.run(main())


if __name__ == "__main__":
    run_program(globals())
