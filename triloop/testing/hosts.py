"""The loops and reactors that tests may run on, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from twisted.application.reactors import installReactor

from triloop.adapters.asyncio_in_twisted.loop import new_event_loop
from triloop.adapters.twisted_in_asyncio.install import install

__all__ = ["HOSTS", "UnusableHostError", "install_host"]

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def _stock() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop()


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


#: Factories of the loops of tests where a loop owns the thread.
_LOOPS: dict[str, LoopFactory] = {"asyncio": _stock, "uvloop": _uvloop}

#: All names: the loops, and Twisted's reactors by their own names.
HOSTS = (*_LOOPS, "epoll", "poll", "select")


class UnusableHostError(Exception):
    """There is another reactor than the host needs; the message says what to do."""


def install_host(name: str) -> LoopFactory:
    """Install the reactor of this process for a host.

    Args:
        name: One of :data:`HOSTS`.

    Returns:
        A factory of loops that are the host or the guest of that reactor.

    Raises:
        twisted.internet.error.ReactorAlreadyInstalledError: There is a global reactor already.
    """
    if name in _LOOPS:
        make = _LOOPS[name]
        install(make(), restartable=True)
        return make
    reactor: Any = installReactor(name)
    return lambda: new_event_loop(reactor)
