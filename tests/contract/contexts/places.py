"""The places where a row of the table is run: one context asks, another disturbs.

A context is recognised by the value of a variable in it. ``RUN`` is the context in which the loop
was started, ``ASKER`` that of the code that asks for something; ``ANOTHER`` that of unrelated
code, which wakes the loop again and again meanwhile. Any other context is ``EMPTY``.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

import uvloop
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.pollreactor import PollReactor

from tests.contract.contexts import peers
from tests.contract.worlds import REACTORS, discard
from triloop import ReactorEventLoop, TornadoReactor

EMPTY, RUN, ASKER, ANOTHER = "empty", "run", "asker", "another"
OWN = "own"

var: ContextVar[str] = ContextVar("var", default=EMPTY)

See = Callable[[], None]
NATIVE = next(iter(REACTORS.values()), PollReactor)
#: Seconds between two disturbances, and seconds that all rows together may take.
OFTEN, PATIENCE = 0.002, 20.0


def within(name: str, function: Callable[..., Any], *args: Any, **kw: Any) -> Any:
    """Call ``function`` in the context of ``name``."""
    context = copy_context()
    context.run(var.set, name)
    return context.run(function, *args, **kw)


def in_thread(function: Callable[..., Any], *args: Any) -> None:
    """Call ``function`` in a thread, in a copy of the present context."""
    threading.Thread(target=copy_context().run, args=(function, *args), daemon=True).start()


@dataclass
class Place:
    """What a row may use."""

    reactor: Any
    loop: Any
    found: dict[str, str] = field(default_factory=dict)
    #: Called at the end, in the loop's thread, to end what a row has begun.
    ends: list[Callable[[], Any]] = field(default_factory=list)

    def see(self, name: str) -> None:
        """Record the present context; the first time counts."""
        self.found.setdefault(name, var.get())

    def ask(self, rows: Mapping[str, Row]) -> None:
        """Begin the rows, each in the context of an asker."""
        for name, row in rows.items():
            within(ASKER, row.begin, self, lambda name=name: self.see(name))


@dataclass(frozen=True)
class Row:
    """One kind of request.

    Args:
        begin: Makes the request.
        early: Whether it is made before the loop runs.
        late: Whether its callback comes only at the end.
        alone: Whether it changes a context, and so has to be run with no other.
    """

    begin: Callable[[Place, See], object]
    early: bool = False
    late: bool = False
    alone: bool = False


Rows = Mapping[str, Row]


def finish(place: Place, rows: Rows, stop: Callable[[], object]) -> None:
    """Disturb the loop until all rows have been seen, or the time is over; then stop it."""
    wanted = {name for name, row in rows.items() if not row.late}
    rounds = int(PATIENCE / OFTEN)
    later = place.reactor.callLater if place.reactor is not None else place.loop.call_later

    def look(left: int) -> None:
        if wanted <= place.found.keys() or not left:
            for end in place.ends:
                end()
            later(0.05, stop)
        else:
            later(OFTEN, look, left - 1)

    within(ANOTHER, later, 0, look, rounds)
    if place.loop is not None:
        within(ANOTHER, _tick, place.loop, rounds)


def _tick(loop: Any, left: int) -> None:
    if left and not loop.is_closed():
        loop.call_later(OFTEN, _tick, loop, left - 1)


def split(rows: Rows) -> tuple[Rows, Rows]:
    """The early rows, and the others."""
    early = {name: row for name, row in rows.items() if row.early}
    return early, {name: row for name, row in rows.items() if not row.early}


def by_reactor(place: Place, rows: Rows, run: Callable[[], object]) -> dict[str, str]:
    """Ask from Twisted's code."""
    early, others = split(rows)

    def begin() -> None:
        place.ask(others)
        finish(place, rows, place.reactor.stop)

    place.ask(early)
    place.reactor.callWhenRunning(begin)
    within(RUN, run)
    return place.found


def by_task(place: Place, rows: Rows, run: Callable[[], object], stop: Any) -> dict[str, str]:
    """Ask from asyncio's code."""
    early, others = split(rows)

    async def begin() -> None:
        place.ask(others)
        finish(place, rows, stop)

    place.ask(early)
    place.loop.call_soon(lambda: setattr(place, "task", place.loop.create_task(begin())))
    within(RUN, run)
    return place.found


def native_reactor(rows: Rows) -> dict[str, str]:
    """Twisted's own reactor, alone."""
    reactor = NATIVE()
    found = by_reactor(Place(reactor, None), rows, reactor.run)
    discard(reactor)
    return found


def asyncio_reactor(rows: Rows) -> dict[str, str]:
    """Twisted's own reactor on asyncio."""
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        reactor = AsyncioSelectorReactor(loop)
        found = by_reactor(Place(reactor, None), rows, reactor.run)
        for call in reactor.getDelayedCalls():
            call.cancel()  # its own, for its stop
        discard(reactor)
    return found


def tornado_reactor(rows: Rows, new_loop: Callable[[], Any]) -> dict[str, str]:
    """A TornadoReactor in a loop, asked by asyncio's code."""
    loop = new_loop()
    with contextlib.closing(loop), TornadoReactor(loop) as reactor:
        return by_task(Place(reactor, loop), rows, reactor.run, reactor.stop)


def guest_loop(rows: Rows) -> dict[str, str]:
    """A ReactorEventLoop on Twisted's own reactor, asked by asyncio's code."""
    reactor = NATIVE()
    loop = ReactorEventLoop(reactor)
    found = by_task(Place(reactor, loop), rows, reactor.run, reactor.stop)
    loop.close()
    discard(reactor)
    return found


def native_loop(rows: Rows, new_loop: Callable[[], Any]) -> dict[str, str]:
    """A loop alone."""
    loop = new_loop()
    with contextlib.closing(loop):
        return by_task(Place(None, loop), rows, loop.run_forever, loop.stop)


def play(rows: Rows, at: Callable[[Rows], dict[str, str]]) -> dict[str, str]:
    """Run rows in a place; return the context seen in each, or None."""
    together = {name: row for name, row in rows.items() if not row.alone}
    found = at(together)
    for name, row in rows.items():
        if row.alone:
            found |= at({name: row})
    peers.wait_for_all()
    return found


#: The places for requests to Twisted.
TWISTED_PLACES: dict[str, Callable[[Rows], dict[str, str]]] = {
    "TornadoReactor": lambda rows: tornado_reactor(rows, asyncio.new_event_loop),
    "TornadoReactor on uvloop": lambda rows: tornado_reactor(rows, uvloop.new_event_loop),
    "EPollReactor, asked by asyncio code": guest_loop,
    "EPollReactor": native_reactor,
    "AsyncioSelectorReactor": asyncio_reactor,
}
#: The places for requests to asyncio.
ASYNCIO_PLACES: dict[str, Callable[[Rows], dict[str, str]]] = {
    "ReactorEventLoop": guest_loop,
    "asyncio, with a TornadoReactor": lambda rows: tornado_reactor(rows, asyncio.new_event_loop),
    "asyncio": lambda rows: native_loop(rows, asyncio.new_event_loop),
    "uvloop, with a TornadoReactor": lambda rows: tornado_reactor(rows, uvloop.new_event_loop),
    "uvloop": lambda rows: native_loop(rows, uvloop.new_event_loop),
}
