"""Twisted, Tornado and asyncio code in one process and one thread."""

from triloop.adapters.reactor import TornadoReactor, install

__all__ = ["TornadoReactor", "install"]
