"""FastAPI: ``uvicorn on_fastapi:app`` serves a page that waits for Twisted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import triloop


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Have the reactor run for as long as the application does."""
    async with triloop.attached() as app.state.reactor:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def home() -> str:
    """Wait for Twisted."""
    from twisted.internet.task import deferLater

    return await triloop.wait(deferLater(app.state.reactor, 0.1, lambda: "Twisted waited"))
