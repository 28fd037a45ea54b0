"""A TornadoReactor implements the interfaces that it provides."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tornado.platform.asyncio import AsyncIOLoop
from twisted.internet import interfaces
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from zope.interface import implementedBy, providedBy
from zope.interface.verify import verifyClass, verifyObject

from tests.contract.worlds import HOST, KINDS, REACTORS, Kind, World, discard
from triloop import TornadoReactor

if sys.platform == "linux":
    from twisted.internet.epollreactor import EPollReactor as NativeReactor
else:
    from twisted.internet.pollreactor import PollReactor as NativeReactor

DECLARED = list(implementedBy(TornadoReactor))  # type: ignore[no-untyped-call]
WANTED = {
    interfaces.IReactorCore,
    interfaces.IReactorTime,
    interfaces.IReactorFDSet,
    interfaces.IReactorThreads,
    interfaces.IReactorTCP,
    interfaces.IReactorUDP,
    interfaces.IReactorMulticast,
    interfaces.IReactorSSL,
    interfaces.IReactorUNIX,
    interfaces.IReactorUNIXDatagram,
    interfaces.IReactorSocket,
    interfaces.IReactorProcess,
    interfaces.IReactorPluggableNameResolver,
    interfaces.IReactorPluggableResolver,
}


@pytest.fixture(params=[kind for kind in KINDS if kind.guest_reactor], ids=str)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    kind: Kind = request.param
    with kind.opened() as opened:
        yield opened


def test_provides_all_that_the_native_reactor_does(world: World) -> None:
    native: Any = NativeReactor()
    discard(native)
    provided = set(providedBy(world.reactor))
    assert set(providedBy(native)) <= provided
    assert provided >= WANTED


def test_objects_hold_their_interfaces(world: World) -> None:
    for interface in providedBy(world.reactor):
        assert verifyObject(interface, world.reactor)


@pytest.mark.parametrize("interface", DECLARED, ids=lambda i: i.__name__)
def test_class_holds_its_interfaces(interface: Any) -> None:
    # Twisted sets this one on each instance, so no reactor class of its own holds IReactorCore.
    missing = {"running"} if interface is interfaces.IReactorCore else set()
    for name in set(interface.names(all=True)) - missing:
        assert hasattr(TornadoReactor, name), name
    if not missing:
        assert verifyClass(interface, TornadoReactor)


def test_is_an_asyncio_selector_reactor(world: World) -> None:
    assert isinstance(world.reactor, AsyncioSelectorReactor)
    assert world.reactor._asyncioEventloop is world.loop


def test_takes_every_kind_of_loop() -> None:
    loop = asyncio.new_event_loop()
    io_loop = AsyncIOLoop(asyncio_loop=loop, make_current=False)
    for given in (loop, io_loop):
        with TornadoReactor(given) as reactor:
            assert reactor._asyncioEventloop is loop
    io_loop.close()


@pytest.mark.parametrize("nonsense", ["loop", 3, object(), asyncio, asyncio.new_event_loop])
def test_wrong_arguments_are_errors(nonsense: object) -> None:
    with pytest.raises(TypeError, match="IOLoop or an asyncio event loop; got"):
        TornadoReactor(nonsense)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", REACTORS)
def test_loop_shows_its_reactor(name: str) -> None:
    with Kind(name).opened() as world:
        reactor = world.reactor
        kind = type(reactor).__name__
        assert name == HOST or name.startswith((kind, kind.lower()[:-7]))
        assert world.loop.reactor is reactor  # type: ignore[attr-defined]
        assert world.io_loop.reactor is reactor  # type: ignore[attr-defined]
