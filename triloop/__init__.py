"""Twisted, Tornado and asyncio code in one process and one thread, whichever loop owns it."""

from triloop.adapters.eventloop import ReactorEventLoop, new_event_loop
from triloop.adapters.ioloop import TwistedIOLoop
from triloop.adapters.reactor import TornadoReactor, install
from triloop.adapters.resolver import TwistedResolver, resolve
from triloop.awaitables import as_deferred, as_future
from triloop.lifecycle import attached, run

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
