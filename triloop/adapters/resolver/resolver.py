"""Names to addresses for asyncio and Tornado.

`TwistedResolver` is a Tornado ``Resolver``; `resolve` is the same as one coroutine. Both use
sockets of the running loop, whatever loop that is.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import sys
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from tornado.netutil import Resolver
from twisted.internet.interfaces import IReactorCore
from twisted.python import threadable

from triloop.adapters.resolver.engine import Engine, engine_of
from triloop.adapters.resolver.errors import resolution_error
from triloop.adapters.resolver.hostnames import HostnameResolver
from triloop.adapters.resolver.literals import (
    Address,
    Port,
    literal,
    parse_request,
    port_number,
    with_port,
)
from triloop.adapters.resolver.lookup import Failure, Lookup, Outcome
from triloop.adapters.resolver.settings import Settings
from triloop.adapters.twisted_in_asyncio.host import AsyncioHost
from triloop.adapters.twisted_in_asyncio.reactor import all_reactors
from triloop.private.reactors import host_loop_of

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["TwistedResolver", "resolve"]

# An entry of getaddrinfo: family, type, protocol, canonical name, socket address.
_AddressInfo = tuple[int, int, int, str, Any]


async def resolve(
    host: str | bytes | None, family: int = socket.AF_UNSPEC, port: Port = 0
) -> list[Address]:
    """Find the addresses of a host, with sockets of the running loop.

    Takes the options that ``Resolver.configure("triloop.TwistedResolver", ...)`` was given. To be
    awaited in the loop's thread; in a Twisted coroutine, await ``as_deferred(resolve(...))``.

    Args:
        host: A name (an internationalised one too), an address literal, or None for the loopback.
        family: ``AF_INET``, ``AF_INET6``, or ``AF_UNSPEC`` for both.
        port: The port to put in the socket addresses: a number, or the name of a TCP service.

    Returns:
        All addresses as ``(family, sockaddr)``, the most preferable first (RFC 6724).

    Raises:
        socket.gaierror: There is no address. It has the codes of ``getaddrinfo`` and names the
            host: EAI_NONAME, EAI_NODATA, EAI_AGAIN, EAI_FAIL, EAI_FAMILY, EAI_SERVICE.
        OSError: No socket can be opened.
        RuntimeError: No asyncio loop runs in this thread; or it has no Twisted reactor, and
            another thread's reactor runs.
    """
    return await _configured().resolve(host, port, family)


def _configured() -> TwistedResolver:
    if not issubclass(Resolver.configured_class(), TwistedResolver):
        return _default()
    resolver: TwistedResolver = cast("Any", Resolver)()
    return resolver


@functools.cache
def _default() -> TwistedResolver:
    resolver: TwistedResolver = TwistedResolver()
    return resolver


class TwistedResolver(Resolver):
    """A Tornado resolver that asks name servers with sockets of the running loop, without threads.

    It does what the C library does, with the same files. Each loop has a cache: equal questions
    under way are asked once, and answers are kept for their time to live. Options are keyword
    arguments of the class, which refuses wrong ones, or of ``Resolver.configure``, which passes
    them on with the first lookup.

    Args:
        servers: Name servers as ``(address, port)``, asked in this order. Default: those of
            ``resolv``.
        timeout: The seconds to wait for each server, one number for each round: a server that does
            not answer is asked again in the next round. Default: what ``resolv`` says, otherwise
            1, 1, 2, 3, 3.
        resolv: The path of a resolv.conf(5); read again when it changes.
        hosts: The path of a hosts(5) file; read again when it changes.
        nsswitch: The path of an nsswitch.conf(5): whether the hosts file or DNS goes first.
        gai: The path of a gai.conf(5), which changes the order of addresses.
        cache_size: How many answers the loop keeps; 0 keeps none.
        max_in_flight: How many questions may be under way at once; the others are queued.
        reactor: The reactor that the running loop must have; None: any or none.

    Raises:
        TypeError: An option is of a wrong type, or there is none of that name.
        ValueError: The value of an option is out of range.
    """

    if TYPE_CHECKING:
        # Tornado's is annotated to give Any.
        def __new__(cls, *, reactor: Any = None, **options: Any) -> Self: ...  # noqa: D102

    def initialize(self, *, reactor: Any = None, **options: Any) -> None:
        """Take the options; see the class."""
        self._settings = Settings.of(options)
        if not (reactor is None or IReactorCore.providedBy(reactor)):
            raise TypeError(f"reactor needs a Twisted reactor or None; got {reactor!r}")
        self._reactor = reactor
        # Read and written as one: each thread may have a loop that asks by this.
        self._last: tuple[Callable[[], object], Engine | None] = object, None

    async def resolve(
        self, host: str | bytes | None, port: Port, family: int = socket.AF_UNSPEC
    ) -> list[Address]:
        """Find the addresses of ``host``; arguments, result and errors as of `triloop.resolve`."""
        name, number = parse_request(host, port, family)
        if name is None:
            return literal(host, number, family) or []
        loop = _running_loop(self._reactor)
        last, engine = self._last
        if engine is None or engine.is_closed or last() is not loop:
            engine = engine_of(loop, AsyncioHost, self._settings)
            self._last = weakref.ref(loop), engine
        found = engine.look_up(name, family)
        if isinstance(found, Lookup):
            lookup = found
            future: asyncio.Future[Outcome] = loop.create_future()
            lookup.waiters[future] = None
            try:
                found = await future
            except BaseException:
                lookup.leave(future)
                raise
        if isinstance(found, Failure):
            raise _error(found, host)
        return with_port(found, number)

    def hostname_resolver(self, reactor: Any) -> HostnameResolver:
        """The same for a Twisted reactor: a resolver with these options to install there."""
        return HostnameResolver.with_settings(reactor, self._settings)

    async def getaddrinfo(
        self, host: str | bytes, port: Port, *, family: int = 0, type: int = 0, proto: int = 0
    ) -> list[_AddressInfo]:
        """The result of ``loop.getaddrinfo``, without a canonical name."""
        if isinstance(port, int):
            port_number(port)
        # The types and protocols there are, and the number that a service has with each.
        flags = socket.AI_NUMERICHOST
        rows = socket.getaddrinfo("127.0.0.1", port, socket.AF_INET, type, proto, flags)
        found = await self.resolve(host, 0, family)
        return [
            (key, its_type, its_proto, "", (sockaddr[0], its_sockaddr[1], *sockaddr[2:]))
            for key, sockaddr in found
            for _, its_type, its_proto, _, its_sockaddr in rows
        ]


def _error(failure: Failure, host: str | bytes | None) -> OSError:
    # One failure may be raised in many tasks, each with a traceback of its own.
    refused = failure.error
    if refused is not None:
        return type(refused)(*refused.args)
    return resolution_error(failure.code, host)


# -- which loop, and whether it is the right one ------------------------------------------------


def _running_loop(reactor: Any) -> asyncio.AbstractEventLoop:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "no asyncio loop runs in this thread: await this in one. On a Twisted reactor without "
            "a loop, use triloop.HostnameResolver(reactor)"
        ) from None
    if reactor is not None and not _goes_with(reactor, loop):
        raise RuntimeError(
            f"{reactor!r} does not run in {loop!r}, which is the running loop: leave out "
            "the option reactor, or await this in the reactor's own loop"
        )
    if _another_thread_has_the_reactor(loop):
        raise RuntimeError(
            "Twisted's reactor runs in another thread, and the running loop of "
            f"{threading.current_thread().name} has none: await this in the reactor's thread "
            "(reactor.callFromThread, asyncio.run_coroutine_threadsafe), or make this loop a "
            "reactor of its own first: triloop.TornadoReactor(). triloop.install() before all that "
            "makes the reactor run in the loop that is to have it"
        )
    return loop


def _goes_with(reactor: Any, loop: asyncio.AbstractEventLoop) -> bool:
    return loop is host_loop_of(reactor) or _own_reactor(loop) is reactor


def _own_reactor(loop: asyncio.AbstractEventLoop) -> Any:
    own = (one for one in all_reactors() if one.host_loop is loop and not one.is_closed)
    return getattr(loop, "reactor", None) or next(own, None)


def _another_thread_has_the_reactor(loop: asyncio.AbstractEventLoop) -> bool:
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is None or not reactor.running or threadable.isInIOThread():
        return False
    return _own_reactor(loop) is None
