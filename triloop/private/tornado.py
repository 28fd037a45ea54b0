"""The private part of Tornado: which IOLoop is on which asyncio loop."""

from __future__ import annotations

from asyncio import AbstractEventLoop

from tornado.ioloop import IOLoop

__all__ = ["io_loops"]

#: The IOLoops of this process, by their asyncio loops: Tornado's own table.
io_loops: dict[AbstractEventLoop, IOLoop] = IOLoop._ioloop_for_asyncio
