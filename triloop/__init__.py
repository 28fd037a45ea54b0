"""Twisted, Tornado and asyncio code in one process and one thread, whichever loop owns it."""

from typing import TYPE_CHECKING

from triloop.adapters.eventloop import ReactorEventLoop, new_event_loop
from triloop.adapters.ioloop import TwistedIOLoop
from triloop.adapters.reactor import TornadoReactor, install
from triloop.awaitables import as_deferred, as_future
from triloop.lifecycle import attached, run

if TYPE_CHECKING:
    from triloop.adapters.resolver import TwistedResolver, resolve

__all__ = [
    "ReactorEventLoop",
    "TornadoReactor",
    "TwistedIOLoop",
    "TwistedResolver",
    "as_deferred",
    "as_future",
    "attached",
    "install",
    "new_event_loop",
    "resolve",
    "run",
]


def __getattr__(name: str) -> object:
    """Load the resolver when it is asked for: Twisted's DNS would double the time to import."""
    if name in {"TwistedResolver", "resolve"}:
        from triloop.adapters import resolver

        return getattr(resolver, name)
    raise AttributeError(f"module 'triloop' has no attribute {name!r}")
