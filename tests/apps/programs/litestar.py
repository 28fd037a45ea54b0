"""Litestar on uvicorn: the lifespan attaches the reactor, and a handler awaits a Deferred."""

import contextlib
import urllib.request
from collections.abc import AsyncIterator

import uvicorn
from litestar import Litestar, get

import triloop
from tests.apps import host


@contextlib.asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    async with triloop.attached() as app.state.reactor:
        yield


@get("/")
async def answer() -> str:
    from twisted.internet.task import deferLater

    later = deferLater(app.state.reactor, 0.01, lambda: "Twisted waited")
    return await triloop.wait(later)


app = Litestar([answer], lifespan=[lifespan])
port = host.free_port()
server = uvicorn.Server(
    uvicorn.Config(app, port=port, log_level="error", loop=host.name())  # type: ignore[arg-type]
)


def client() -> None:
    with host.until_up(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/")) as response:
        assert response.read() == b"Twisted waited"


def end() -> None:
    server.should_exit = True


host.beside(client, end)
server.run()
