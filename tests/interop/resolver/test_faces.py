"""The engine behind Twisted's, asyncio's and aiohttp's own lookups: without a thread."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from tornado.netutil import Resolver
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
    IResolverSimple,
)
from twisted.internet.pollreactor import PollReactor
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer
from zope.interface.verify import verifyObject

import triloop
from tests.interop.resolver.harness import INET6, LONG, DNSProcess, Names, descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

variable: ContextVar[str] = ContextVar("variable", default="nothing")


@implementer(IResolutionReceiver)
class Receiver:
    """Records its calls."""

    def __init__(self) -> None:
        self.began: list[Any] = []
        self.addresses: list[Any] = []
        self.contexts: list[str] = []
        self.complete: Deferred[list[Any]] = Deferred()

    def resolutionBegan(self, resolutionInProgress: Any) -> None:
        self.began.append(resolutionInProgress)

    def addressResolved(self, address: Any) -> None:
        self.addresses.append(address)

    def resolutionComplete(self) -> None:
        self.contexts.append(variable.get())
        self.complete.callback(self.addresses)


class BareReactor:
    """A reactor without an asyncio loop, which runs until a Deferred has fired."""

    def __init__(self) -> None:
        self.reactor = PollReactor()

    def run(self, make: Any) -> Any:
        outcome: list[Any] = []

        def start() -> None:
            deferred = make()
            deferred.addBoth(outcome.append)
            deferred.addBoth(lambda _: self.reactor.crash())

        self.reactor.callWhenRunning(start)
        self.reactor.callLater(20, self.reactor.crash)
        self.reactor.run(installSignalHandlers=False)
        for call in self.reactor.getDelayedCalls():
            call.cancel()
        (result,) = outcome
        return result


@pytest.fixture
def bare() -> Iterator[BareReactor]:
    bare = BareReactor()
    yield bare
    bare.reactor.fireSystemEvent("shutdown")
    bare.reactor.disconnectAll()


@pytest.fixture
def options(dns: DNSProcess) -> dict[str, Any]:
    return {"servers": [dns.address], "hosts": "/dev/null", "resolv": "/dev/null", "cache_size": 0}


# -- Twisted ------------------------------------------------------------------------------------


def test_a_reactor_without_a_loop_resolves_by_itself(
    bare: BareReactor, options: dict[str, Any]
) -> None:
    resolver = triloop.HostnameResolver(bare.reactor, **options)
    assert verifyObject(IHostnameResolver, resolver)
    assert verifyObject(IResolverSimple, resolver)
    bare.reactor.installNameResolver(resolver)
    before = (descriptors(), threading.active_count())
    receiver = Receiver()

    def ask() -> Deferred[list[Any]]:
        variable.set("the caller's")
        resolution = bare.reactor.nameResolver.resolveHostName(receiver, "dual.test", 80)
        assert verifyObject(IHostResolution, resolution)
        assert (resolution.name, receiver.began) == ("dual.test", [resolution])
        return receiver.complete

    found = bare.run(ask)
    assert sorted(address.host for address in found) == [
        "192.0.2.1",
        "192.0.2.2",
        "2001:db8::1",
        "2001:db8::2",
    ]
    assert {type(address) for address in found} == {IPv4Address, IPv6Address}
    assert {(address.type, address.port) for address in found} == {("TCP", 80)}
    assert receiver.contexts == ["the caller's"]
    assert (descriptors(), threading.active_count()) == before
    assert len(bare.reactor.getReaders()) == 1  # the waker


@pytest.mark.parametrize(("kind", "dot"), [(IPv4Address, "."), (IPv6Address, ":")])
def test_addresses_of_the_wanted_kind_are_given(
    kind: Any, dot: str, bare: BareReactor, options: dict[str, Any]
) -> None:
    resolver = triloop.HostnameResolver(bare.reactor, **options)
    receiver = Receiver()

    def ask() -> Deferred[list[Any]]:
        resolver.resolveHostName(receiver, "dual.test", 80, [kind], "UDP")
        return receiver.complete

    found = bare.run(ask)
    assert [dot in address.host for address in found] == [True, True]
    assert {address.type for address in found} == {"UDP"}


@pytest.mark.parametrize(
    ("host", "expected"),
    [("missing.test", []), ("two words", []), ("é" * 70, []), ("127.0.0.1", ["127.0.0.1"])],
)
def test_receiver_is_not_called_before_the_call_returns(
    host: str, expected: list[str], bare: BareReactor, options: dict[str, Any]
) -> None:
    resolver = triloop.HostnameResolver(bare.reactor, **options)
    receiver = Receiver()

    def ask() -> Deferred[list[Any]]:
        resolver.resolveHostName(receiver, host)
        assert not receiver.complete.called
        return receiver.complete

    assert [address.host for address in bare.run(ask)] == expected


def test_a_lookup_can_be_cancelled(
    bare: BareReactor, options: dict[str, Any], dns: DNSProcess
) -> None:
    resolver = triloop.HostnameResolver(bare.reactor, **{**options, "timeout": (LONG,)})
    receiver = Receiver()
    before = descriptors()

    def ask() -> Deferred[None]:
        for host in ("silent.test", "127.0.0.1"):
            resolver.resolveHostName(receiver, host).cancel()
        assert descriptors() == before
        ended: Deferred[None] = Deferred()
        bare.reactor.callLater(0.01, ended.callback, None)
        return ended

    bare.run(ask)
    assert not receiver.complete.called


def test_the_simple_interface(bare: BareReactor, options: dict[str, Any]) -> None:
    resolver = triloop.HostnameResolver(bare.reactor, **options)
    assert bare.run(lambda: resolver.getHostByName("four.test")) == "192.0.2.4"
    failure = bare.run(lambda: resolver.getHostByName("missing.test"))
    assert failure.check(DNSLookupError)
    assert bare.run(lambda: resolver.getHostByName("silent.test", (0,))).value


def test_wrong_arguments_are_refused(bare: BareReactor, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="IReactorFDSet"):
        triloop.HostnameResolver(object())
    with pytest.raises(ValueError, match="cache_size"):
        triloop.HostnameResolver(bare.reactor, cache_size=-1)
    resolver = triloop.HostnameResolver(bare.reactor, **options)
    with pytest.raises(ValueError, match="transportSemantics"):
        resolver.resolveHostName(Receiver(), "four.test", transportSemantics="SCTP")
    with pytest.raises(ValueError, match="addressTypes"):
        resolver.resolveHostName(Receiver(), "four.test", addressTypes=[])


@pytest.mark.usefixtures("_warmed_up")
def test_a_tornado_reactor_asks_as_tornado_does(names: Names, options: dict[str, Any]) -> None:
    reactor = names.world.reactor
    if not isinstance(reactor, triloop.TornadoReactor):
        reactor.installNameResolver(triloop.HostnameResolver(reactor, **options))
    saved = Resolver._save_configuration()
    Resolver.configure("triloop.TwistedResolver", **options)

    async def connect() -> str:
        endpoint = HostnameEndpoint(reactor, "missing.test", 1, timeout=10)
        try:
            await triloop.as_future(endpoint.connect(Factory.forProtocol(Protocol)))
        except DNSLookupError:
            found = await triloop.as_future(reactor.resolve("four.test"))
            return str(found)
        raise AssertionError("there is a missing.test")

    try:
        assert names.world.run(connect()) == "192.0.2.4"
    finally:
        Resolver._restore_configuration(saved)


INSTALL = """
import asyncio, threading, triloop
from tornado.netutil import Resolver
async def main():
    with triloop.install(resolver=True) as reactor:
        print(Resolver.configured_class().__name__)
        print(await triloop.as_future(reactor.resolve("localhost")), threading.active_count())
asyncio.run(main())
"""


def test_install_can_do_it() -> None:
    command = [sys.executable, "-c", INSTALL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "TwistedResolver\n127.0.0.1 1\n"


# -- asyncio and aiohttp ------------------------------------------------------------------------


def test_a_reactor_event_loop_may_use_it(options: dict[str, Any]) -> None:
    loop = triloop.ReactorEventLoop(PollReactor())
    loop.resolver = triloop.TwistedResolver(**options)

    async def look_up() -> list[Any]:
        before = threading.active_count()
        found = await loop.getaddrinfo("four.test", "http")
        with pytest.raises(socket.gaierror, match=r"missing\.test"):
            await loop.create_connection(asyncio.Protocol, "missing.test", 1)
        assert threading.active_count() == before
        assert await loop.getaddrinfo(None, 80, flags=socket.AI_PASSIVE, type=socket.SOCK_STREAM)
        return list(found)

    try:
        found = loop.run_until_complete(look_up())
        native = socket.getaddrinfo("192.0.2.4", "http")
        assert found == native
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        loop.reactor.fireSystemEvent("shutdown")
        loop.reactor.disconnectAll()


@pytest.mark.parametrize("kind", [0, socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, 99])
@pytest.mark.parametrize("port", [80, "80", "http", "tftp", "domain", "nosuch", None, ""])
def test_getaddrinfo_has_the_types_and_services_of_the_c_library(port: Any, kind: int) -> None:
    resolver: Any = triloop.TwistedResolver()

    def native() -> list[Any]:
        return list(socket.getaddrinfo("127.0.0.1", port, type=kind))

    def ours() -> list[Any]:
        return list(asyncio.run(resolver.getaddrinfo("127.0.0.1", port, type=kind)))

    assert outcome(ours) == outcome(native)


def outcome(look_up: Callable[[], Any]) -> Any:
    try:
        return look_up()
    except socket.gaierror as failed:
        return failed.errno


def test_aiohttp_may_use_it(options: dict[str, Any]) -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def get() -> str:
        app = web.Application()
        app.router.add_get("/", hello)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        connector = aiohttp.TCPConnector(resolver=triloop.AiohttpResolver(**options))
        try:
            async with aiohttp.ClientSession(connector=connector) as session:
                async with session.get(f"http://loopback.test:{port}/") as response:
                    text = await response.text()
                with pytest.raises(aiohttp.ClientConnectorDNSError):
                    await session.get(f"http://missing.test:{port}/")
            return text
        finally:
            await runner.cleanup()

    before = threading.active_count()
    assert asyncio.run(get()) == "hello"
    assert threading.active_count() == before


def test_aiohttp_gets_the_scope_with_the_address() -> None:
    async def look_up() -> list[Any]:
        return await triloop.AiohttpResolver().resolve("fe80::1%1", 80, INET6)

    (found,) = asyncio.run(look_up())
    assert (found["host"], found["port"], found["family"]) == ("fe80::1%1", 80, INET6)
