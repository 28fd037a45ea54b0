"""The name resolver of a TornadoReactor: Tornado's, where that can serve Twisted as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tornado.netutil import Resolver
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer

__all__ = ["ConfiguredResolver", "serves_twisted"]


def serves_twisted(resolver_class: type) -> bool:
    """Whether a kind of Tornado's resolvers has ``hostname_resolver(reactor)``."""
    return hasattr(resolver_class, "hostname_resolver")


@implementer(IHostnameResolver)
class ConfiguredResolver:
    """Asks as ``tornado.netutil.Resolver`` is configured to, or else as Twisted does by default.

    Args:
        reactor: The reactor to ask by.
        default: Twisted's resolver, which asks in threads.
    """

    def __init__(self, reactor: Any, default: IHostnameResolver) -> None:
        self._reactor = reactor
        self._default = default

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """See :meth:`twisted.internet.interfaces.IHostnameResolver.resolveHostName`."""
        resolver = self._default
        if serves_twisted(Resolver.configured_class()):
            configured: Any = Resolver
            resolver = configured().hostname_resolver(self._reactor)
        return resolver.resolveHostName(
            resolutionReceiver, hostName, portNumber, addressTypes, transportSemantics
        )
