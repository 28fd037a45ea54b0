"""The name resolver of a TornadoReactor: Tornado's, if it can serve Twisted too."""

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
    """Whether a resolver class of Tornado's has ``hostname_resolver(reactor)``."""
    return hasattr(resolver_class, "hostname_resolver")


@implementer(IHostnameResolver)
class ConfiguredResolver:
    """Uses the resolver that ``tornado.netutil.Resolver`` is configured to, or Twisted's default.

    Args:
        reactor: The reactor of the resolver.
        default: Twisted's resolver, which uses threads.
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
