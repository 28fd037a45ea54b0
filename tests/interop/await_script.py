"""A program of react() whose main coroutine awaits what all the libraries of asyncio have.

Argument: the host. Exits with 7, as its main coroutine asks.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator
from typing import Any

import aiohttp
import anyio
import anyio.to_thread
import httpx
import sniffio
import uvloop
from tornado import gen
from twisted.internet.defer import Deferred, ensureDeferred, inlineCallbacks

import triloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def install(host: str) -> None:
    """Install a reactor with a loop in it, or the other way round."""
    if host == "epoll":
        from twisted.internet import epollreactor

        epollreactor.install()
        from twisted.internet import reactor

        triloop.new_event_loop(reactor)
    else:
        triloop.install(uvloop.new_event_loop() if host == "uvloop" else None)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one request."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ANSWER)
    await writer.drain()
    writer.close()


async def by_clients(url: str) -> None:
    """Have the body by both clients, each with its own timeouts."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        assert (await client.get(url)).text == "ok"
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
        assert await response.text() == "ok"


async def by_anyio(later: Any) -> None:
    """Await Deferreds in anyio's scopes, and its own things beside."""
    send, receive = anyio.create_memory_object_stream[int](0)
    async with send, receive, anyio.create_task_group() as group:
        group.start_soon(send.send, 3)
        assert await receive.receive() == 3
        group.start_soon(later)
    assert await anyio.to_thread.run_sync(lambda: "thread") == "thread"
    with anyio.move_on_after(0.01) as scope:
        await Deferred()
    assert scope.cancelled_caught


async def within(url: str, later: Any) -> None:
    """Await all of it in one coroutine."""
    task = asyncio.current_task()
    await later()
    assert await asyncio.sleep(0.001, "slept") == "slept"
    assert sniffio.current_async_library() == "asyncio"
    await by_clients(url)
    await by_anyio(later)
    assert asyncio.current_task() is task is not None


@inlineCallbacks
def by_generator(coroutine: Any) -> Generator[Any, Any, Any]:
    """Yield a coroutine."""
    return (yield coroutine)


#: What starts a coroutine, in each library.
STARTS: list[Callable[[Any], Any]] = [
    asyncio.ensure_future,
    gen.convert_yielded,
    gen.coroutine(lambda coroutine: (yield coroutine)),
    Deferred.fromCoroutine,
    ensureDeferred,
    by_generator,
    triloop.as_future,
    triloop.as_deferred,
    triloop.returns_deferred(lambda coroutine: coroutine),
]


async def main(reactor: Any) -> None:
    """Await all of it, and Deferreds of the reactor, in coroutines that each library starts."""
    from twisted.internet.task import deferLater

    async def later() -> None:
        assert await deferLater(reactor, 0.001, lambda: "later") == "later"

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    await within(url, later)
    for start in STARTS:
        await start(within(url, later))
    server.close()
    sys.exit(7)


if __name__ == "__main__":
    install(sys.argv[1])
    triloop.await_anything()
    from twisted.internet.task import react

    react(main)
