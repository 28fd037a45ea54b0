"""Tells ``twistd`` of the reactor: ``twistd --reactor=triloop``."""

from twisted.application.reactors import Reactor

triloop = Reactor(
    "triloop", "triloop", "Twisted inside an asyncio loop, and so inside Tornado's (triloop)"
)
