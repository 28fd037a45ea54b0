"""Timed calls do what Twisted's own do, in any order of making, moving and cancelling."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.internet.error import AlreadyCalled, AlreadyCancelled

from tests.unit.fakes import FakeClock
from tests.unit.twisted_in_asyncio.timed_reactors import HeapTimers, TwistedTimers

if TYPE_CHECKING:
    from collections.abc import Sequence

Verb = Literal["make", "cancel", "reset", "delay", "sleep"]


@dataclass(frozen=True)
class Deed:
    """An operation on the timed calls; ``script`` is what a new call will do."""

    verb: Verb
    number: int
    seconds: float
    target: int
    script: tuple[Deed, ...] = ()


def apart(number: int) -> float:
    """A fraction of a second for each number, of so few bits that sums are exact.

    Calls for the same time run in any order in Twisted; so no two calls ever are.
    """
    return random.Random(number).randrange(2**30) / 2**41


@st.composite
def deeds(draw: st.DrawFn, depth: int = 2) -> Deed:
    """A random operation; :meth:`TimersMachine.number` makes those of a run distinct."""
    verb: Verb = draw(st.sampled_from(["make", "make", "cancel", "reset", "delay", "sleep"]))
    lowest = -3 if verb in {"reset", "delay"} else 0
    script: Sequence[Deed] = ()
    if verb == "make" and depth:
        script = draw(st.lists(deeds(depth - 1), max_size=3))
    seconds = draw(st.integers(lowest, 8))
    return Deed(verb, 0, seconds, draw(st.integers(0, 30)), tuple(script))


class World:
    """A reactor, its clock, and all that happened in it."""

    def __init__(self, kind: type[HeapTimers | TwistedTimers]) -> None:
        self.clock = FakeClock()
        self.clock.now = 0.0
        self.reactor = kind(self.clock)
        self.calls: list[Any] = []
        self.made_in: list[int] = []
        self.passes = 0
        self.events: list[object] = []

    def do(self, deed: Deed, *, within: bool = False) -> None:
        if deed.verb == "make":
            self.make(deed)
        elif deed.verb == "sleep":
            self.clock.advance(abs(deed.seconds))
        elif self.calls:
            self.change(deed, deed.target % len(self.calls), within=within)

    def make(self, deed: Deed) -> None:
        name = len(self.calls)
        self.calls.append(
            self.reactor.callLater(deed.seconds + apart(deed.number), self.fire, name, deed.script)
        )
        self.made_in.append(self.passes)

    def change(self, deed: Deed, name: int, *, within: bool) -> None:
        if within and deed.seconds < 0 and self.made_in[name] == self.passes:
            # A call that is made in a pass and put before it, all in one: here it also holds up
            # what is behind it until the next pass.
            return
        arguments = () if deed.verb == "cancel" else (deed.seconds + apart(deed.number),)
        try:
            getattr(self.calls[name], deed.verb)(*arguments)
        except (AlreadyCalled, AlreadyCancelled) as error:
            self.events.append((deed.verb, name, type(error)))

    def fire(self, name: int, script: tuple[Deed, ...]) -> None:
        self.events.append((self.passes, name, self.clock.now))
        for deed in script:
            self.do(deed, within=True)

    def run_pass(self) -> None:
        self.passes += 1
        self.reactor.runUntilCurrent()

    def pending(self) -> dict[int, float]:
        names = {id(call): name for name, call in enumerate(self.calls)}
        delayed = self.reactor.getDelayedCalls()
        assert len({id(call) for call in delayed}) == len(delayed), "a call is listed twice"
        return {names[id(call)]: call.getTime() for call in delayed}

    def activity(self) -> list[bool]:
        return [call.active() for call in self.calls]


class TimersMachine(RuleBasedStateMachine):
    """The same operations in both worlds."""

    def __init__(self) -> None:
        super().__init__()
        self.ours = World(HeapTimers)
        self.twisteds = World(TwistedTimers)
        self.numbered = 0

    def number(self, deed: Deed) -> Deed:
        script = tuple(self.number(inner) for inner in deed.script)
        self.numbered += 1
        return Deed(deed.verb, self.numbered, deed.seconds, deed.target, script)

    @rule(deed=deeds())
    def do(self, deed: Deed) -> None:
        deed = self.number(deed)
        self.ours.do(deed)
        self.twisteds.do(deed)

    @rule()
    def run_pass(self) -> None:
        self.ours.run_pass()
        self.twisteds.run_pass()

    @rule()
    def ask_timeouts(self) -> None:
        """Compare timeouts: ours is exact, Twisted's may be that of a call that was moved away."""
        pending, now = self.ours.pending(), self.ours.clock.now
        exact = max(0.0, min(pending.values()) - now) if pending else None
        assert self.ours.reactor.timeout() == exact
        theirs = self.twisteds.reactor.timeout()
        assert exact is None or (theirs is not None and theirs <= exact)

    @rule()
    def ask_only_ours(self) -> None:
        self.ours.reactor.timeout()

    @rule()
    def ask_only_theirs(self) -> None:
        self.twisteds.reactor.timeout()

    @invariant()
    def both_are_the_same(self) -> None:
        assert self.ours.events == self.twisteds.events
        assert self.ours.clock.now == self.twisteds.clock.now
        assert self.ours.pending() == self.twisteds.pending()
        assert self.ours.activity() == self.twisteds.activity()

    @invariant()
    def every_entry_is_accounted_for(self) -> None:
        reactor = self.ours.reactor
        assert isinstance(reactor, HeapTimers)
        assert reactor.entries() - reactor.outdated() == len(self.ours.pending())

    def teardown(self) -> None:
        """Let time pass until no call is left."""
        while pending := self.ours.pending():
            due = min(pending.values())
            for world in (self.ours, self.twisteds):
                world.clock.now = max(world.clock.now, due)
            self.run_pass()
            self.both_are_the_same()
            self.every_entry_is_accounted_for()


TestTimers = TimersMachine.TestCase
TestTimers.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
