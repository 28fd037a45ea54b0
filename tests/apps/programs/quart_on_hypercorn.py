"""Quart on Hypercorn, served in a task: a handler awaits a Deferred, and httpx asks it."""

import asyncio

from tests.apps import host


async def main() -> None:
    import httpx
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from quart import Quart
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    import triloop

    app = Quart("waiting")

    @app.get("/")
    async def answer() -> str:
        return await triloop.wait(deferLater(reactor, 0.01, lambda: "Twisted waited"))

    config = Config()
    port = host.free_port()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "ERROR"
    ended = asyncio.Event()
    server = asyncio.create_task(serve(app, config, shutdown_trigger=ended.wait))
    client = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=8))
    async with client:
        response = await client.get(f"http://127.0.0.1:{port}/")
    assert response.text == "Twisted waited", response
    ended.set()
    await server


host.run(main)
