"""The steps of a request through the three worlds; each awaits something.

The request carries its number in a context variable, in structlog's context, in OpenTelemetry's and
in the precision of its decimals. A step may also check it inside, by ``carried``.
"""

from __future__ import annotations

import asyncio
import decimal
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import structlog
from opentelemetry import context as telemetry
from tornado import gen
from twisted.internet.defer import Deferred, ensureDeferred, inlineCallbacks
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from tests.contract.worlds import World
from triloop import as_deferred, as_future

number: ContextVar[int] = ContextVar("number")
mark: ContextVar[str] = ContextVar("mark", default="unmarked")


@dataclass
class Carried:
    """Puts a number into the present context, and removes it."""

    value: int

    def __enter__(self) -> None:
        self._token = number.set(self.value)
        self._logged = structlog.contextvars.bind_contextvars(request=self.value)
        self._traced = telemetry.attach(telemetry.set_value("request", self.value))
        self._decimals = decimal.localcontext()
        self._decimals.__enter__().prec = self.precision

    def __exit__(self, *reason: object) -> None:
        self._decimals.__exit__(None, None, None)
        telemetry.detach(self._traced)  # it logs an error where others raise it
        assert telemetry.get_value("request") is None
        structlog.contextvars.reset_contextvars(**self._logged)
        number.reset(self._token)
        assert number.get(None) is None

    @property
    def precision(self) -> int:
        return 30 + self.value

    def check(self) -> None:
        """Fail unless the number is in all of them."""
        assert number.get() == self.value
        assert structlog.contextvars.get_contextvars()["request"] == self.value
        assert telemetry.get_value("request") == self.value
        assert decimal.getcontext().prec == self.precision


@dataclass(frozen=True)
class Scene:
    """The objects that the steps use."""

    world: World
    #: The ports of an echo server of Twisted's and one of asyncio's.
    twisted_port: int
    asyncio_port: int

    def later(self) -> Deferred[None]:
        """A Deferred that is fired soon."""
        return deferLater(self.world.reactor, random.random() / 1000, lambda: None)


Step = Callable[[Scene, Carried], Awaitable[object]]


async def sleep(scene: Scene, carried: Carried) -> None:
    await asyncio.sleep(random.random() / 1000)


async def wait_for(scene: Scene, carried: Carried) -> None:
    await asyncio.wait_for(as_future(scene.later()), 20)


async def deferred(scene: Scene, carried: Carried) -> None:
    await as_future(scene.later())


async def deferred_of_a_task(scene: Scene, carried: Carried) -> None:
    async def inner() -> None:
        await asyncio.sleep(0)
        carried.check()

    await as_future(as_deferred(inner()))


async def coroutine_of_twisted(scene: Scene, carried: Carried) -> None:
    async def inner() -> None:
        token = mark.set("marked")
        await scene.later()
        carried.check()
        await scene.later()
        mark.reset(token)

    await as_future(ensureDeferred(inner()))


async def inline_callbacks(scene: Scene, carried: Carried) -> None:
    @inlineCallbacks
    def inner() -> Generator[Deferred[None], object, None]:
        token = mark.set("marked")
        yield scene.later()
        carried.check()
        mark.reset(token)

    await as_future(inner())


async def tornado_coroutine(scene: Scene, carried: Carried) -> None:
    @gen.coroutine
    def inner() -> Generator[Any, object, None]:
        token = mark.set("marked")
        yield gen.sleep(0)
        carried.check()
        yield scene.later()
        carried.check()
        mark.reset(token)

    await inner()  # type: ignore[no-untyped-call]


async def tornado_callback(scene: Scene, carried: Carried) -> None:
    done = scene.world.future()

    def call() -> None:
        carried.check()
        done.set_result(None)

    scene.world.io_loop.add_callback(call)
    await done


async def executor(scene: Scene, carried: Carried) -> None:
    await scene.world.loop.run_in_executor(None, lambda: None)


async def thread_of_twisted(scene: Scene, carried: Carried) -> None:
    pool = scene.world.reactor.getThreadPool()
    await as_future(deferToThreadPool(scene.world.reactor, pool, lambda: None))


async def timed_call(scene: Scene, carried: Carried) -> None:
    done = scene.world.future()

    def call() -> None:
        carried.check()
        done.set_result(None)

    scene.world.reactor.callLater(0.001, call)
    await done


async def generator(scene: Scene, carried: Carried) -> None:
    async def numbers() -> AsyncIterator[int]:
        for n in range(2):
            await as_future(scene.later())
            carried.check()
            yield n

    async for _ in numbers():
        carried.check()


async def gather(scene: Scene, carried: Carried) -> None:
    async def part() -> None:
        await as_future(scene.later())
        carried.check()
        number.set(-1)  # a task's own context

    await asyncio.gather(part(), part())


async def streams(scene: Scene, carried: Carried) -> None:
    """By asyncio's streams, from a server of Twisted's."""
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.twisted_port)
    for _ in range(2):
        line = b"%d\n" % carried.value
        writer.write(line)
        assert await reader.readline() == line
        carried.check()
    writer.close()
    await writer.wait_closed()


class Client(Protocol):
    """Sends its number, and checks the echo."""

    transport: Any

    def __init__(self, done: Deferred[None], scene: Scene, carried: Carried) -> None:
        self._done, self._carried, self._got = done, carried, b""
        # On a reactor of Twisted's own a connection has no context of its own.
        self._check = carried.check if is_guest(scene.world) else lambda: None

    def connectionMade(self) -> None:
        self._check()
        self.transport.write(b"%d\n" % self._carried.value)

    def dataReceived(self, data: bytes) -> None:
        self._check()
        self._got += data
        if self._got.endswith(b"\n"):
            assert int(self._got) == self._carried.value
            self.transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        self._check()
        self._done.callback(None)


async def connection_of_twisted(scene: Scene, carried: Carried) -> None:
    """By Twisted, from a server of asyncio's."""
    done: Deferred[None] = Deferred()
    factory = ClientFactory.forProtocol(lambda: Client(done, scene, carried))
    factory.noisy = False
    scene.world.reactor.connectTCP("127.0.0.1", scene.asyncio_port, factory)
    await as_future(done)


def is_guest(world: World) -> bool:
    """Whether the reactor gives each connection a context."""
    return hasattr(world.reactor, "contexts")


STEPS: list[Step] = [
    sleep,
    wait_for,
    deferred,
    deferred_of_a_task,
    coroutine_of_twisted,
    inline_callbacks,
    tornado_coroutine,
    tornado_callback,
    executor,
    thread_of_twisted,
    timed_call,
    generator,
    gather,
    streams,
    connection_of_twisted,
]
