"""Names to addresses for Twisted: a resolver for ``reactor.installNameResolver``."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorFDSet,
    IReactorTime,
    IReadDescriptor,
    IResolutionReceiver,
    IResolverSimple,
)
from twisted.logger import Logger
from twisted.python import failure, threadable
from zope.interface import implementer

from triloop.adapters.asyncio_in_twisted.host import CancellableCall
from triloop.adapters.resolver.engine import engine_of
from triloop.adapters.resolver.literals import Address, literal, parse_host, port_number, with_port
from triloop.adapters.resolver.lookup import Failure, Lookup, Outcome
from triloop.adapters.resolver.loop import Loop
from triloop.adapters.resolver.settings import Settings
from triloop.adapters.twisted_in_asyncio.host import AsyncioHost
from triloop.private.cpython import running_loop
from triloop.private.reactors import host_loop_of
from triloop.protocol import Callback, Cancellable

__all__ = ["HostnameResolver"]

_log = Logger()

_FAMILIES = {
    frozenset([IPv4Address]): socket.AF_INET,
    frozenset([IPv6Address]): socket.AF_INET6,
    frozenset([IPv4Address, IPv6Address]): socket.AF_UNSPEC,
}


@implementer(IHostnameResolver, IResolverSimple)
class HostnameResolver:
    """Finds the addresses of hosts for a Twisted reactor, without threads.

    ::

        reactor.installNameResolver(triloop.HostnameResolver(reactor))

    On a reactor that runs in an asyncio loop it shares its cache with the
    `triloop.TwistedResolver` of that loop. All methods belong to the reactor's thread.

    Args:
        reactor: A reactor that runs in an asyncio loop, or one with IReactorFDSet and IReactorTime.
        options: Those of `triloop.TwistedResolver`.

    Raises:
        TypeError: The reactor is none of these, or an option is of a wrong type.
        ValueError: The value of an option is out of range.
    """

    def __init__(self, reactor: Any, **options: Any) -> None:
        self._reactor = reactor
        self.settings = Settings.of(options)
        self._loop_of(reactor)

    @classmethod
    def with_settings(cls, reactor: Any, settings: Settings) -> HostnameResolver:
        """Make a resolver from options that have been checked."""
        made = cls(reactor)
        made.settings = settings
        return made

    @staticmethod
    def _loop_of(reactor: Any) -> tuple[Any, Callable[[Any], Loop]]:
        """The present loop or reactor to ask on, and what makes a `Loop` of it."""
        loop = host_loop_of(reactor)
        if isinstance(loop, asyncio.AbstractEventLoop):
            return loop, AsyncioHost
        for wanted in (IReactorFDSet, IReactorTime):
            if not wanted.providedBy(reactor):
                raise TypeError(
                    f"a HostnameResolver needs a reactor with {wanted.__name__}; got {reactor!r}: "
                    "use the epoll, kqueue, poll, select or a GUI reactor"
                )
        return reactor, _ReactorLoop

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """See :meth:`twisted.internet.interfaces.IHostnameResolver.resolveHostName`.

        The addresses are given in a later turn of the reactor, in the context of this call.
        """
        if transportSemantics not in {"TCP", "UDP"}:
            raise ValueError(f"transportSemantics is 'TCP' or 'UDP'; got {transportSemantics!r}")
        family = _family(addressTypes)
        port = port_number(portNumber)

        def deliver(found: list[Address]) -> None:
            for address in found:
                resolutionReceiver.addressResolved(_as_twisted(address, transportSemantics))
            resolutionReceiver.resolutionComplete()

        self._refuse_other_threads()
        context = copy_context()
        resolution = _Resolution(hostName, lambda found: context.run(deliver, found))
        resolutionReceiver.resolutionBegan(resolution)
        self._look_up(resolution, port, family)
        return resolution

    def getHostByName(self, name: str, timeout: Sequence[int] = (1, 3, 11, 45)) -> Deferred[str]:
        """See :meth:`twisted.internet.interfaces.IResolverSimple.getHostByName`.

        Args:
            name: The name of a host.
            timeout: Numbers of seconds; the lookup may take their sum.
        """
        self._refuse_other_threads()

        def deliver(found: list[Address]) -> None:
            if found:
                result.callback(found[0][1][0])
            else:
                result.errback(DNSLookupError(f"no address for {name!r}"))

        resolution = _Resolution(name, deliver)
        result: Deferred[str] = Deferred(lambda _: resolution.cancel())
        self._look_up(resolution, 0, socket.AF_INET)

        # As Twisted's own resolver says it.
        def say(_: object, seconds: float) -> failure.Failure:
            return failure.Failure(DNSLookupError(f"no address for {name!r} within {seconds} s"))

        return result.addTimeout(sum(timeout), self._reactor, say)

    def _look_up(self, resolution: _Resolution, port: int, family: int) -> None:
        owner, as_loop = self._loop_of(self._reactor)
        engine = engine_of(owner, as_loop, self.settings)
        host = resolution.name
        try:
            name = parse_host(host)
            found: list[Address] | Outcome | Lookup = (
                engine.look_up(name, family) if name else literal(host, port, family) or []
            )
        except OSError:
            found = []
        if isinstance(found, Lookup):
            resolution.wait_for(found, port)
        else:
            addresses = found if isinstance(found, list) else _addresses(found, port)
            resolution.deliver_soon(engine.loop, addresses)

    def _refuse_other_threads(self) -> None:
        loop = host_loop_of(self._reactor)
        if isinstance(loop, asyncio.AbstractEventLoop):
            running: Any = running_loop()
            is_here = (
                not loop.is_running()
                or running is loop
                or getattr(running, "reactor", None) is self._reactor  # nested in the reactor
            )
        else:
            is_here = not self._reactor.running or threadable.isInIOThread()
        if not is_here:
            raise RuntimeError(f"{self._reactor!r} runs in another thread: use its callFromThread")


def _family(types: Sequence[type[IAddress]] | None) -> int:
    wanted = frozenset([IPv4Address, IPv6Address] if types is None else types)
    if wanted not in _FAMILIES:
        raise ValueError(f"addressTypes holds IPv4Address, IPv6Address or both; got {types!r}")
    return _FAMILIES[wanted]


def _addresses(outcome: Outcome, port: int) -> list[Address]:
    return [] if isinstance(outcome, Failure) else with_port(outcome, port)


def _as_twisted(address: Address, kind: Any) -> IPv4Address | IPv6Address:
    family, sockaddr = address
    make = IPv6Address if family == socket.AF_INET6 else IPv4Address
    return make(kind, *sockaddr)


@implementer(IHostResolution)
class _Resolution:
    """A lookup under way."""

    def __init__(self, name: str, deliver: Callable[[list[Address]], object]) -> None:
        self.name = name
        self._deliver = deliver
        self._lookup: Lookup | None = None
        self._call: Cancellable | None = None
        self._port = 0

    def wait_for(self, lookup: Lookup, port: int) -> None:
        self._lookup, self._port = lookup, port
        lookup.waiters[self] = None

    def set_result(self, outcome: Outcome, /) -> None:
        """See `triloop.adapters.resolver.lookup.Waiter`."""
        self._lookup = None
        self._give(_addresses(outcome, self._port))

    def deliver_soon(self, loop: Loop, found: list[Address]) -> None:
        def deliver() -> None:
            self._call = None
            self._give(found)

        self._call = loop.call_soon(deliver)

    def _give(self, found: list[Address]) -> None:
        """Tell the receiver; as with Twisted's own resolver, its errors are logged."""
        try:
            self._deliver(found)
        except Exception:  # noqa: BLE001 - whatever an application raises
            _log.failure("The receiver of the addresses of {name!r} has raised", name=self.name)

    def cancel(self) -> None:
        """Give up; the receiver is not called any more."""
        if self._call is not None:
            self._call.cancel()
        if self._lookup is not None:
            self._lookup.leave(self)


# -- a reactor as a loop ------------------------------------------------------------------------


@implementer(IReadDescriptor)
class _Reader:
    """A socket watched by a reactor."""

    def __init__(self, reactor: Any, fd: int, callback: Callback) -> None:
        self._reactor = reactor
        self._fd = fd
        self.doRead: Any = callback
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return "resolver"

    def connectionLost(self, reason: object) -> None:
        """Do nothing: the socket is closed by its owner."""

    def cancel(self) -> None:
        self._reactor.removeReader(self)


class _ReactorLoop:
    """A reactor without an asyncio loop, as a `Loop`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def watch(self, fd: int, callback: Callback) -> Cancellable:
        return _Reader(self._reactor, fd, callback)

    def call_later(self, delay: float, callback: Callback) -> Cancellable:
        return CancellableCall(self._reactor.callLater(delay, callback))

    def call_soon(self, callback: Callback) -> Cancellable:
        return CancellableCall(self._reactor.callLater(0, callback))
