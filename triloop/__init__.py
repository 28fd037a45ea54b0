"""Twisted, Tornado and asyncio code in one process and one thread, whichever loop owns it."""

from importlib import import_module
from typing import TYPE_CHECKING

from triloop.adapters.asyncio_in_twisted.ioloop import TwistedIOLoop
from triloop.adapters.asyncio_in_twisted.loop import ReactorEventLoop, new_event_loop
from triloop.adapters.on_host import loop_on, reactor_on
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
from triloop.base_host import BaseHost
from triloop.lifecycle.attach import attached
from triloop.lifecycle.run import run

if TYPE_CHECKING:
    from triloop.adapters.resolver.aiohttp import AiohttpResolver
    from triloop.adapters.resolver.hostnames import HostnameResolver
    from triloop.adapters.resolver.resolver import TwistedResolver, resolve

__all__ = [
    "AiohttpResolver",
    "BaseHost",
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
    "loop_on",
    "new_event_loop",
    "reactor_on",
    "resolve",
    "returns_deferred",
    "returns_future",
    "run",
    "wait",
]


#: Names that are imported at their first use: DNS would double the time of ``import triloop``.
_LATE = {
    "AiohttpResolver": "triloop.adapters.resolver.aiohttp",
    "HostnameResolver": "triloop.adapters.resolver.hostnames",
    "TwistedResolver": "triloop.adapters.resolver.resolver",
    "resolve": "triloop.adapters.resolver.resolver",
}

# Reprs, messages and the documentation show the public place of a name.
for _name in set(__all__) - set(_LATE) - {"Convertible"}:
    globals()[_name].__module__ = __name__
del _name


def __getattr__(name: str) -> object:
    """Import a late name; the version is looked up in the installed package."""
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name not in _LATE:
        raise AttributeError(f"module 'triloop' has no attribute {name!r}")
    late: object = getattr(import_module(_LATE[name]), name)
    late.__module__ = __name__
    globals()[name] = late
    return late


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
