"""The event loops that the suites of Tornado and CPython are run on."""

from __future__ import annotations

import asyncio
import selectors
from asyncio import unix_events
from collections.abc import Callable
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.selectreactor import SelectReactor

from triloop import ReactorEventLoop

NATIVE = "native"
"""The name of the loop that Python makes by itself."""

_REACTORS: dict[str, Callable[[], Any]] = {"epoll": EPollReactor, "select": SelectReactor}

_REACTOR_OF_SELECTOR: dict[str, Callable[[], Any]] = {
    "EpollSelector": EPollReactor,
    "PollSelector": PollReactor,
    "SelectSelector": SelectReactor,
}


class AdaptedLoop(ReactorEventLoop):
    """A loop in a fresh reactor, made with the arguments of asyncio.SelectorEventLoop.

    Args:
        selector: Selects the reactor with the same poller; None: the default one.
    """

    default_reactor: Callable[[], Any] = EPollReactor

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        make = self.default_reactor
        if selector is not None:
            make = _REACTOR_OF_SELECTOR[type(selector).__name__]
            selector.close()
        super().__init__(make())

    def close(self) -> None:
        closed_before = self.is_closed()
        super().close()
        if not closed_before:
            dispose_of(self.reactor)


def dispose_of(reactor: Any) -> None:
    """Close all that a stock reactor holds, for which it has no method; it cannot be used again."""
    for reader in list(reactor._internalReaders):
        reactor.removeReader(reader)
        reader.connectionLost(None)
        # A waker refers to itself, and so does a reactor. Tornado's tests look for such garbage.
        vars(reader).clear()
    if isinstance(reactor, EPollReactor):
        reactor._poller.close()
    vars(reactor).clear()
    vars(reactor).update(running=False, _startedBefore=True)  # nothing may end it any more


def make_asyncio_use(name: str) -> None:
    """Have asyncio make loops of kind ``name`` in this process, wherever it makes one.

    Args:
        name: "native", or the poller of the Twisted reactor underneath: "epoll", "select".
    """
    if name == NATIVE:
        return
    AdaptedLoop.default_reactor = staticmethod(_REACTORS[name])
    # Until Python 3.16 a policy makes all loops for which there is no other factory.
    policy: Any = getattr(unix_events, "_UnixDefaultEventLoopPolicy", None)
    if policy is not None:
        policy._loop_factory = AdaptedLoop
    else:
        asyncio.new_event_loop = asyncio.events.new_event_loop = AdaptedLoop
    for public_name in ("SelectorEventLoop", "EventLoop"):  # the latter since Python 3.13
        if hasattr(asyncio, public_name):
            setattr(asyncio, public_name, AdaptedLoop)
