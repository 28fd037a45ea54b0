"""How long a guest with endless work keeps its host from its I/O is for the application to say."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor

import triloop
from tests.upstream.loops import dispose_of
from triloop.embedding import MAX_ROUNDS

PASSES = 10
#: A budget, in seconds, and the rounds that a turn of short callbacks has within it.
BUDGETS = [pytest.param(0, 1, id="none"), pytest.param(60.0, MAX_ROUNDS, id="a minute")]


def again(soon: Callable[..., Any], call: Callable[[], object]) -> None:
    """Call something now, and again whenever the loop of ``soon`` gets to it."""
    call()
    soon(again, soon, call)


class Race:
    """Work that never ends in a guest and in its host, until the host has made its passes."""

    def __init__(self, stop: Callable[[], object]) -> None:
        self.stop = stop
        self.rounds = 0
        #: The rounds of the guest so far, in each pass of the host.
        self.seen: list[int] = []

    def guest_works(self) -> None:
        self.rounds += 1

    def host_works(self) -> None:
        self.seen.append(self.rounds)
        if len(self.seen) == PASSES:
            self.stop()

    @property
    def rounds_a_turn(self) -> int:
        """The rounds in the last turn of all."""
        return self.seen[-1] - self.seen[-2]


@pytest.mark.parametrize(("budget", "rounds"), BUDGETS)
def test_reactor_keeps_to_its_budget_in_whichever_loop_it_runs(budget: float, rounds: int) -> None:
    first = asyncio.SelectorEventLoop()

    async def main() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        race = Race(over.set)
        again(lambda *call: reactor.callLater(0, *call), race.guest_works)
        again(loop.call_soon, race.host_works)
        await over.wait()
        assert race.rounds_a_turn == rounds

    with triloop.TornadoReactor(first, turn_budget=budget) as reactor:
        asyncio.run(main())
    first.close()


@pytest.mark.parametrize("make", [triloop.new_event_loop, triloop.TwistedIOLoop])
@pytest.mark.parametrize(("budget", "rounds"), BUDGETS)
def test_loop_keeps_to_its_budget(make: Any, budget: float, rounds: int) -> None:
    reactor = EPollReactor()
    made = make(reactor, turn_budget=budget)
    loop = getattr(made, "asyncio_loop", made)
    race = Race(loop.stop)
    again(loop.call_soon, race.guest_works)
    again(lambda *call: reactor.callLater(0, *call), race.host_works)
    loop.run_forever()
    made.close()
    dispose_of(reactor)
    assert race.rounds_a_turn == rounds


@pytest.mark.parametrize(
    ("budget", "error", "words"),
    [
        (-1, ValueError, "cannot be negative.* got -1: give seconds, such as 0.0005"),
        (math.nan, ValueError, "NaN; got nan"),
        (math.inf, ValueError, "infinite .*got inf"),
        ("1ms", TypeError, "needs a number; got '1ms': give seconds"),
        (None, TypeError, "needs a number; got None"),
    ],
)
def test_wrong_budget_is_refused_and_leaves_nothing_behind(
    budget: Any, error: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "twisted.internet.reactor", raising=False)
    reactor = EPollReactor()
    before = dict(vars(reactor))
    for make in (triloop.install, triloop.TornadoReactor):
        with pytest.raises(error, match=words):
            make(turn_budget=budget)
    for on_reactor in (triloop.new_event_loop, triloop.ReactorEventLoop, triloop.TwistedIOLoop):
        with pytest.raises(error, match=words):
            on_reactor(reactor, turn_budget=budget)
    assert "twisted.internet.reactor" not in sys.modules
    assert vars(reactor) == before
    dispose_of(reactor)
