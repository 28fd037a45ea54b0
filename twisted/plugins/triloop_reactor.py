"""Tells Twisted's commands of the reactors: ``twist --reactor=triloop``."""

from twisted.application.reactors import Reactor

triloop = Reactor(
    "triloop", "triloop", "Twisted inside an asyncio loop, and so inside Tornado's (triloop)"
)
triloop_uvloop = Reactor(
    "triloop-uvloop",
    "triloop.adapters.twisted_in_asyncio.on_uvloop",
    "Twisted inside uvloop, and so at its speed (triloop)",
)
