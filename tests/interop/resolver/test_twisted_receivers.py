"""Receivers that raise or cancel others; callers in the wrong thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IResolutionReceiver
from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import implementer

import triloop
from tests.interop.resolver.harness import LONG, WORLDS, DNSProcess, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@implementer(IResolutionReceiver)
class Receiver:
    """Records its calls, and calls a function in them."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.then = then
        self.addresses: list[str] = []
        self.complete: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

    def resolutionBegan(self, resolutionInProgress: Any) -> None:
        """The call returns it."""

    def addressResolved(self, address: Any) -> None:
        self.addresses.append(address.host)
        self.then()

    def resolutionComplete(self) -> None:
        self.complete.set_result(self.addresses)


@contextmanager
def logged_errors() -> Iterator[list[BaseException]]:
    found: list[BaseException] = []

    @implementer(ILogObserver)
    def observe(event: Any) -> None:
        if "log_failure" in event:
            found.append(event["log_failure"].value)

    globalLogPublisher.addObserver(observe)
    yield found
    globalLogPublisher.removeObserver(observe)


@pytest.fixture
def options(dns: DNSProcess) -> dict[str, Any]:
    return {"servers": [dns.address], "hosts": "/dev/null", "resolv": "/dev/null", "cache_size": 0}


@pytest.mark.parametrize("host", ["four.test", "192.0.2.4"])
def test_an_error_of_one_receiver_is_logged_and_no_concern_of_others(
    host: str, world: World, options: dict[str, Any]
) -> None:
    class OddError(Exception):
        pass

    def fail() -> None:
        raise OddError

    async def ask() -> list[str]:
        resolver = triloop.HostnameResolver(world.reactor, **options)
        odd, even = Receiver(fail), Receiver()
        for receiver in (odd, even):
            resolver.resolveHostName(receiver, host)
        return await even.complete

    with logged_errors() as errors:
        assert world.run(ask()) == ["192.0.2.4"]
    assert [type(error) for error in errors] == [OddError]


def test_one_receiver_may_give_up_another(world: World, options: dict[str, Any]) -> None:
    async def ask() -> list[list[str]]:
        resolver = triloop.HostnameResolver(world.reactor, **options)
        receivers = [Receiver() for _ in range(3)]
        begun = [resolver.resolveHostName(receiver, "four.test") for receiver in receivers]
        receivers[0].then = begun[1].cancel
        await receivers[2].complete
        return [receiver.addresses for receiver in receivers]

    assert world.run(ask()) == [["192.0.2.4"], [], ["192.0.2.4"]]


def test_silence_is_what_twisteds_own_resolver_makes_of_it(
    world: World, options: dict[str, Any]
) -> None:
    async def ask() -> None:
        resolver: Any = triloop.HostnameResolver(world.reactor, **options)
        with pytest.raises(DNSLookupError, match=r"silent\.test"):
            await triloop.as_future(resolver.getHostByName("silent.test", (0.01, 0.02)))

    world.run(ask())


@pytest.mark.parametrize("kind", ["TornadoReactor", "TornadoReactor on uvloop", "ReactorEventLoop"])
def test_a_loop_of_another_thread_is_not_used(kind: str, options: dict[str, Any]) -> None:
    async def ask_there(resolver: Any) -> str:
        with pytest.raises(RuntimeError, match="callFromThread") as raised:
            resolver.getHostByName("four.test")
        return str(raised.value)

    async def ask(reactor: Any) -> str:
        resolver = triloop.HostnameResolver(reactor, **options)
        return await asyncio.to_thread(asyncio.run, ask_there(resolver))

    with WORLDS[kind]() as world:
        assert "runs in another thread" in world.loop.run_until_complete(ask(world.reactor))
        world.loop.run_until_complete(world.loop.shutdown_default_executor())


def test_a_loop_within_the_reactor_is_in_its_thread(options: dict[str, Any]) -> None:
    # A loop on a reactor in a loop.
    with WORLDS["TornadoReactor"]() as world:
        nested = triloop.ReactorEventLoop(world.reactor)
        answers: list[Any] = []

        async def ask() -> None:
            resolver = triloop.HostnameResolver(world.reactor, **options)
            answers.append(await triloop.as_future(resolver.getHostByName("four.test")))

        async def wait() -> None:
            task = nested.create_task(ask())
            while not task.done():  # noqa: ASYNC110 - of another loop
                await asyncio.sleep(0.005)
            await asyncio.sleep(0)
            task.result()

        world.loop.run_until_complete(asyncio.wait_for(wait(), LONG))
        nested.close()
    assert answers == ["192.0.2.4"]


def test_each_thread_may_ask_on_its_own_loop_by_one_resolver(options: dict[str, Any]) -> None:
    resolver: Any = triloop.TwistedResolver(**options)

    async def ask() -> None:
        for _ in range(30):
            assert await resolver.resolve("four.test", 0, socket.AF_INET)

    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(ask())
        except BaseException as failed:  # noqa: BLE001 - told in the test's thread
            failures.append(failed)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
