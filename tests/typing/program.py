"""The types of the public names, as a user's type checker sees them; this is never run."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Generator
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, inlineCallbacks
from typing_extensions import assert_type

import triloop

Y = TypeVar("Y")


async def coroutine(text: str) -> int:
    """Give its length."""
    return len(text)


@inlineCallbacks
def generator(text: str) -> Generator[Deferred[Any], Any, int]:
    """Give its length."""
    yield Deferred()
    return len(text)


async def conversions(
    deferred: Deferred[int],
    future: asyncio.Future[int],
    task: asyncio.Task[int],
    concurrent: concurrent.futures.Future[int],
    awaitable: Awaitable[int],
) -> None:
    """Every source and every function."""
    assert_type(triloop.as_future(deferred), asyncio.Future[int])
    assert_type(triloop.as_future(future), asyncio.Future[int])
    assert_type(triloop.as_future(task), asyncio.Future[int])
    assert_type(triloop.as_future(concurrent), asyncio.Future[int])
    assert_type(triloop.as_future(awaitable), asyncio.Future[int])
    assert_type(triloop.as_future(coroutine("x"), name="x"), asyncio.Future[int])
    assert_type(triloop.as_deferred(deferred), Deferred[int])
    assert_type(triloop.as_deferred(future), Deferred[int])
    assert_type(triloop.as_deferred(task), Deferred[int])
    assert_type(triloop.as_deferred(concurrent), Deferred[int])
    assert_type(triloop.as_deferred(awaitable), Deferred[int])
    assert_type(triloop.as_deferred(coroutine("x"), eager=True), Deferred[int])
    assert_type(await triloop.wait(deferred), int)
    assert_type(await triloop.wait(future), int)
    assert_type(await triloop.wait(task), int)
    assert_type(await triloop.wait(concurrent), int)
    assert_type(await triloop.wait(awaitable), int)
    assert_type(await triloop.wait(coroutine("x")), int)


def decorators() -> None:
    """Arguments are kept."""
    assert_type(triloop.returns_deferred(coroutine)("x"), Deferred[int])
    assert_type(triloop.returns_deferred(coroutine)(text="x"), Deferred[int])
    assert_type(triloop.returns_future(generator)("x"), asyncio.Future[int])
    triloop.returns_deferred(coroutine)(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def own(x: triloop.Convertible[Y]) -> asyncio.Future[Y]:
    """The type of what they take may be named."""
    return triloop.as_future(x)


async def reactors() -> None:
    """Each is of its own type and has its members."""
    async with triloop.attached() as reactor:
        assert_type(reactor, triloop.TornadoReactor)
        reactor.callLater(1, print)
    loop = triloop.TwistedIOLoop()
    assert_type(loop, triloop.TwistedIOLoop)
    assert_type(loop.install(), triloop.TwistedIOLoop)
    assert_type(loop.asyncio_loop, triloop.ReactorEventLoop)
    assert_type(triloop.TwistedResolver(), triloop.TwistedResolver)
    assert_type(triloop.install(), triloop.TornadoReactor)


def main() -> None:
    """Without a result if a reactor's stop ends the program."""
    assert_type(triloop.run(coroutine("x"), await_anything=True), int | None)
    with triloop.await_anything() as switch:
        switch.undo()
