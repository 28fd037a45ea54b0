"""Seven exceptions in every kind of callback of both worlds: which leave the run, and what goes on.

Callbacks of asyncio behave as on the native loop. In a callback of Twisted an interrupt leaves
through the call that runs the loop, and the failed object goes on; Twisted's own reactor logs it
and drops the object. All other exceptions have the same effect as on Twisted's own.
"""

from __future__ import annotations

import asyncio
import builtins
import gc
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.selectreactor import SelectReactor

from tests.contract.worlds import as_global_reactor
from tests.property.interrupts import (
    asyncio_callbacks,
    asyncio_sweep,
    twisted_callbacks,
    twisted_sweep,
)
from tests.property.interrupts.outcome import Outcome
from tests.upstream.loops import dispose_of
from triloop import ReactorEventLoop

pytestmark = [
    pytest.mark.sweep,
    # A connection whose end fails may stay open, on the native loops too.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


class Other(BaseException):
    """One that no loop knows."""


def a_group() -> BaseException:
    """Several at once; before Python 3.11 there is none."""
    kind = getattr(builtins, "BaseExceptionGroup", None)
    return kind("a group", [KeyboardInterrupt()]) if kind else StopIteration()


INTERRUPTS: list[Callable[[], BaseException]] = [KeyboardInterrupt, SystemExit]
OTHERS: list[Callable[[], BaseException]] = [
    GeneratorExit,
    asyncio.CancelledError,
    Other,
    ZeroDivisionError,
    a_group,
]
EXCEPTIONS = INTERRUPTS + OTHERS
#: What the bystanders receive: no data that was accepted is lost.
HEARD = (b"written received",) * 3

#: The later calls of an object that was interrupted, if there are any.
AFTERWARDS = {
    "dataReceived": ("dataReceived", "dataReceived", "data"),
    "connectionMade (server)": ("connectionMade", "connectionMade"),
    "buildProtocol (server)": ("buildProtocol", "buildProtocol"),
    "resumeProducing": ("pauseProducing", "resumeProducing", "resumeProducing"),
    "doRead (bare)": ("doRead", "doRead"),
    "doWrite (bare)": ("doWrite", "doWrite"),
    "connectionLost (bare)": ("doRead", "connectionLost"),
    "callFromThread": ("second",),
    "callLater": ("second",),
    "callWhenRunning": (),
    **{f"trigger {phase} startup": ("started",) for phase in twisted_callbacks.PHASES},
    **{f"trigger {phase} an event": ("after",) for phase in twisted_callbacks.PHASES},
    "datagramReceived": ("datagramReceived", "datagramReceived"),
    **{
        f"datagramReceived ({kind})": ("datagramReceived", "datagramReceived")
        for kind in ("multicast", "UNIX", "connected")
    },
    "doRead (file)": ("doRead", "doRead"),
    "doWrite (file)": ("doWrite", "doWrite"),
    "outReceived": ("outReceived", "processEnded"),
    "errReceived": ("errReceived", "processEnded"),
    "childConnectionLost": (*["childConnectionLost"] * 3, "processEnded"),
    "processExited": ("processExited", "processEnded"),
}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Do not print what is logged: it is a part of the outcome."""
    monkeypatch.setattr(logging.getLogger("asyncio"), "disabled", True)
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def on_epoll_reactor(callback: str, exception: BaseException) -> Outcome:
    reactor = EPollReactor()
    with as_global_reactor(reactor):
        outcome = twisted_sweep.on_reactor(reactor, callback, exception)
    dispose_of(reactor)
    return outcome


def on_reactor_loop(
    make_reactor: Callable[[], Any], sweep: Any, callback: str, exception: BaseException
) -> Outcome:
    reactor = make_reactor()
    outcome: Outcome = sweep.on_loop(ReactorEventLoop(reactor), callback, exception)
    dispose_of(reactor)
    return outcome


def in_tornado_reactor(host: str, callback: str, exception: BaseException) -> Outcome:
    if host == "epoll":
        return on_reactor_loop(EPollReactor, twisted_sweep, callback, exception)
    make_loop = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[host]
    return twisted_sweep.on_loop(make_loop(), callback, exception)


@pytest.mark.parametrize("host", ["asyncio", "uvloop", "epoll"])
@pytest.mark.parametrize("make", INTERRUPTS)
def test_interrupts_in_callbacks_of_twisted(make: Any, host: str) -> None:
    for callback in twisted_callbacks.CALLBACKS:
        name = callback.partition(" ")[0]
        told = AFTERWARDS.get(callback, (name,))
        right = Outcome((make.__name__,), (), told, HEARD)
        assert in_tornado_reactor(host, callback, make()) == right, callback


@pytest.mark.parametrize("make", OTHERS)
def test_other_exceptions_in_callbacks_of_twisted(make: Any) -> None:
    for callback in twisted_callbacks.CALLBACKS:
        right = on_epoll_reactor(callback, make())
        for host in ("asyncio", "uvloop", "epoll"):
            assert in_tornado_reactor(host, callback, make()) == right, (callback, host)


@pytest.mark.parametrize("make", EXCEPTIONS)
def test_all_in_callbacks_of_asyncio(make: Any) -> None:
    for callback in asyncio_callbacks.CALLBACKS:
        right = asyncio_sweep.on_loop(asyncio.new_event_loop(), callback, make())
        assert right.told or right.left or right.logged, f"{callback} was not called"
        assert right.others == HEARD, callback
        for reactor in (EPollReactor, SelectReactor):
            seen = on_reactor_loop(reactor, asyncio_sweep, callback, make())
            assert seen == right, (callback, reactor.__name__)
