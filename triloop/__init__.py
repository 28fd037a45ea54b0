"""Twisted, Tornado and asyncio code in one process and one thread, whichever loop owns it."""

from typing import TYPE_CHECKING

from triloop.adapters.asyncio_in_twisted.ioloop import TwistedIOLoop
from triloop.adapters.asyncio_in_twisted.loop import ReactorEventLoop, new_event_loop
from triloop.adapters.twisted_in_asyncio.install import install
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor
from triloop.awaitables import (
    Convertible,
    as_deferred,
    as_future,
    await_anything,
    returns_deferred,
    returns_future,
    wait,
)
from triloop.lifecycle.attach import attached
from triloop.lifecycle.run import run

if TYPE_CHECKING:
    from triloop.adapters.resolver.aiohttp import AiohttpResolver
    from triloop.adapters.resolver.hostnames import HostnameResolver
    from triloop.adapters.resolver.resolver import TwistedResolver, resolve

__all__ = [
    "AiohttpResolver",
    "Convertible",
    "HostnameResolver",
    "ReactorEventLoop",
    "TornadoReactor",
    "TwistedIOLoop",
    "TwistedResolver",
    "as_deferred",
    "as_future",
    "attached",
    "await_anything",
    "install",
    "new_event_loop",
    "resolve",
    "returns_deferred",
    "returns_future",
    "run",
    "wait",
]


def __getattr__(name: str) -> object:
    """Load the resolver when it is asked for; aiohttp, with its own face of it only."""
    if name in {"HostnameResolver", "TwistedResolver", "resolve"}:
        from triloop.adapters.resolver import hostnames, resolver

        return getattr(hostnames if name == "HostnameResolver" else resolver, name)
    if name == "AiohttpResolver":
        from triloop.adapters.resolver.aiohttp import AiohttpResolver

        return AiohttpResolver
    raise AttributeError(f"module 'triloop' has no attribute {name!r}")
