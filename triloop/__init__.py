"""Twisted, Tornado and asyncio code in one process and one thread, whichever loop owns it."""

from triloop.adapters.eventloop import ReactorEventLoop, new_event_loop
from triloop.adapters.ioloop import TwistedIOLoop
from triloop.adapters.reactor import TornadoReactor, install

__all__ = [
    "ReactorEventLoop",
    "TornadoReactor",
    "TwistedIOLoop",
    "install",
    "new_event_loop",
]
