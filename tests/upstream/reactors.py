"""The reactors that Twisted's ReactorBuilder tests are run on."""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import Callable
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.selectreactor import SelectReactor

from triloop import ReactorEventLoop, TornadoReactor

from .loops import NATIVE, dispose_of

Factory = Callable[[unittest.TestCase], Any]


def native(test: unittest.TestCase) -> EPollReactor:
    """Twisted's own reactor, on which TornadoReactor is built."""
    return EPollReactor()


def on_asyncio(test: unittest.TestCase) -> TornadoReactor:
    loop = asyncio.SelectorEventLoop()
    test.addCleanup(loop.close)
    return TornadoReactor(loop)


def on_uvloop(test: unittest.TestCase) -> TornadoReactor:
    import uvloop

    loop = uvloop.new_event_loop()
    test.addCleanup(loop.close)
    return TornadoReactor(loop)


def stacked(test: unittest.TestCase) -> TornadoReactor:
    """Both adapters at once: Twisted in asyncio in Twisted."""
    host = SelectReactor()
    test.addCleanup(dispose_of, host)
    loop = ReactorEventLoop(host)
    test.addCleanup(loop.close)
    return TornadoReactor(loop)


def broken(test: unittest.TestCase) -> Any:
    """No reactor: the tests of a reactor that cannot be made have to fail."""
    raise RuntimeError("this reactor cannot be made")


FACTORIES: dict[str, Factory] = {
    NATIVE: native,
    "asyncio": on_asyncio,
    "uvloop": on_uvloop,
    "stacked": stacked,
    "broken": broken,
}

Reactor: Factory = native
"""What ReactorBuilder finds by name. The name is a part of the tests' own, and so the same for all
reactors: only then can the outcomes of two of them be compared test by test."""


def choose(name: str) -> str:
    """Make ``Reactor`` the factory called ``name``; the dotted name of it."""
    global Reactor  # noqa: PLW0603 - Twisted looks the factory up in a module, by its name
    Reactor = FACTORIES[name]
    return f"{__name__}.Reactor"
