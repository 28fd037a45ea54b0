"""In any order of events the engine loses no wake-up, never spins and starves neither side."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.fakes import FakeClock, FakeGuest, FakeHost, GuestTimer
from triloop.embedding import SLACK, TURN_BUDGET, Embedding

if TYPE_CHECKING:
    from collections.abc import Callable

#: More passes than any finite work of a run can take.
BUSY = 2000

Kind = Literal[
    "schedule", "thread", "receive", "timer", "own", "sleep", "nest", "detach", "reattach"
]


@dataclass(frozen=True)
class Action:
    """One thing that a piece of work does; ``works`` are the pieces that it leaves behind."""

    kind: Kind
    works: tuple[Piece, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Piece:
    """A piece of work, the first of a chain of ``again`` more; in a guest it may ``interrupt``."""

    actions: tuple[Action, ...] = ()
    interrupt: bool = False
    again: int = 0


seconds = st.sampled_from([0.0001, 0.001, TURN_BUDGET, 0.3, 1.0, 2.0])
again = st.sampled_from([0, 0, 0, 1, 5, 40])


def actions_of(pieces: st.SearchStrategy[Piece]) -> st.SearchStrategy[tuple[Action, ...]]:
    leaving = st.builds(
        Action,
        kind=st.sampled_from(["schedule", "thread", "receive", "timer", "own"]),
        works=st.lists(pieces, min_size=1, max_size=2).map(tuple),
        seconds=seconds,
    )
    bare = st.builds(
        Action, kind=st.sampled_from(["sleep", "nest", "detach", "reattach"]), seconds=seconds
    )
    return st.lists(leaving | bare, max_size=3).map(tuple)


pieces = st.recursive(
    st.builds(Piece, interrupt=st.booleans(), again=again),
    lambda inner: st.builds(Piece, actions=actions_of(inner), interrupt=st.booleans(), again=again),
    max_leaves=6,
)


class Interrupted(BaseException):
    """Stands for KeyboardInterrupt and all other exceptions that leave a turn."""


class EmbeddingMachine(RuleBasedStateMachine):
    """Guest, host and clock in any order of events."""

    @initialize(
        raises=st.booleans(),
        host_nests=st.booleans(),
        guest_nests=st.booleans(),
        recurses=st.booleans(),
        max_rounds=st.sampled_from([1, 2, 16]),
    )
    def begin(
        self,
        *,
        raises: bool,
        host_nests: bool,
        guest_nests: bool,
        recurses: bool,
        max_rounds: int,
    ) -> None:
        self.clock = FakeClock()
        self.host = FakeHost(self.clock, raises=raises, nests=host_nests, recurses=recurses)
        self.guest = FakeGuest(self.clock, nests=guest_nests)
        self.goes_on_nested = host_nests and guest_nests
        self.embedding = Embedding(self.host, self.guest, self.clock, max_rounds=max_rounds)
        self.max_rounds = max_rounds
        self.attached = False
        self.detached = 0
        self.guest.embedding = self.embedding
        self.guest.before_turn = self.check_budget
        self.host.readable = self.guest.is_readable
        self.host.before_call = self.before_call
        self.host.interrupted = self.check_consistent
        self.rounds = 0
        self.turn_began = 0.0
        self.raised: list[BaseException] = []
        self.owed = self.ran = 0
        self.attach()

    # The world

    def attach(self) -> None:
        self.attached = True
        self.embedding.attach()

    def detach(self) -> None:
        self.attached = False
        self.detached += 1
        self.embedding.detach()

    def guest_work(self, piece: Piece) -> Callable[[], None]:
        """``piece`` as work of the guest that has to run once."""
        self.owed += 1

        def work() -> None:
            self.ran += 1
            if piece.again:
                self.schedule(Piece(again=piece.again - 1))
            self.perform(piece)
            if piece.interrupt:
                self.raised.append(Interrupted())
                raise self.raised[-1]

        return work

    def perform(self, piece: Piece) -> None:
        for action in piece.actions:
            self.act(action)

    def act(self, action: Action) -> None:
        match action.kind:
            case "sleep":
                self.clock.advance(action.seconds)
            case "nest":
                self.run_nested_loop()
            case "detach":
                self.detach()
            case "reattach":
                self.detach()
                self.attach()
            case _:
                for piece in action.works:
                    self.leave(piece, action)

    def leave(self, piece: Piece, action: Action) -> None:
        match action.kind:
            case "schedule":
                self.schedule(piece)
            case "thread":
                self.call_from_thread(piece)
            case "receive":
                self.guest.receive(self.guest_work(piece))
            case "timer":
                self.guest.call_later(action.seconds, self.guest_work(piece))
            case _:
                self.host.add_own(lambda: self.perform(piece))

    def schedule(self, piece: Piece) -> None:
        soons = self.host.soons
        self.guest.schedule(self.guest_work(piece))
        assert not self.embedding.turning or self.host.soons == soons, "a turn looks by itself"

    def call_from_thread(self, piece: Piece) -> None:
        work = self.guest_work(piece)
        thread = threading.Thread(target=self.guest.schedule, args=(work,))
        thread.start()
        thread.join()

    def run_nested_loop(self) -> None:
        """Open a modal dialog: its loop must come to rest, whatever the guest has ready.

        A guest that can be turned in it has nothing to do by then.
        """
        try:
            self.host.run_until_idle(BUSY)
        except Interrupted:
            # Out of a turn in the nested loop; what that is nested in goes on.
            assert self.host.raises
        else:
            if self.attached and (self.goes_on_nested or not self.guest.in_turn):
                self.check_at_rest()

    # What must hold, whenever it can be seen

    def before_call(self) -> None:
        if not self.embedding.turning or self.guest.suspend is not None:
            self.rounds = 0

    def check_budget(self) -> None:
        if self.rounds == 0:
            self.turn_began = self.clock()
        else:
            assert self.rounds < self.max_rounds, "a turn beyond its rounds starves the host"
            assert self.clock() - self.turn_began < TURN_BUDGET, "a turn beyond its seconds"
        self.rounds += 1

    @invariant()
    def check_consistent(self) -> None:
        """The host holds what will bring the guest its next turn, and nothing besides."""
        armed, pending = self.host.armed(), self.host.pending()
        assert len(armed) <= 1, "more than one timer"
        assert len(pending) <= 1, "wakes that were not coalesced"
        if not self.attached:
            assert self.host.holds_nothing()
            return
        assert not self.embedding.turning
        assert len(self.host.watching()) == 1, "the guest's I/O goes unseen"
        delay = self.guest.deadline()
        if delay is not None and not pending and not self.host.called_from_threads():
            assert self.host.next_timer() <= self.clock() + delay + SLACK, "a lost wake-up"

    @invariant()
    def check_reasons(self) -> None:
        assert self.host.reasons == self.raised, "each reason leaves once, in order"

    # Events

    @rule(piece=pieces, how=st.sampled_from(["schedule", "thread", "receive", "own"]))
    def leave_work(self, piece: Piece, how: Kind) -> None:
        self.leave(piece, Action(how))

    @rule(piece=pieces, delay=seconds, then_run=st.booleans())
    def add_timer(self, piece: Piece, delay: float, *, then_run: bool) -> None:
        """Often with the pass that arms it, without which it says little."""
        self.guest.call_later(delay, self.guest_work(piece))
        if then_run:
            self.run(self.host.run_pass)

    @precondition(lambda self: self.guest.timers)
    @rule(data=st.data(), delay=seconds)
    def move_timer(self, data: st.DataObject, delay: float) -> None:
        self.guest.move(self.any_timer(data), delay)

    @precondition(lambda self: self.guest.timers)
    @rule(data=st.data())
    def cancel_timer(self, data: st.DataObject) -> None:
        self.guest.cancel(self.any_timer(data))
        self.owed -= 1

    def any_timer(self, data: st.DataObject) -> GuestTimer:
        return self.guest.timers[data.draw(st.integers(0, len(self.guest.timers) - 1))]

    @rule()
    def wake_for_nothing(self) -> None:
        self.embedding.wake()

    @rule(step=seconds)
    def pass_time(self, step: float) -> None:
        self.clock.advance(step)

    @precondition(lambda self: self.host.armed())
    @rule()
    def fire_early(self) -> None:
        self.run(self.host.fire_early)

    @precondition(lambda self: self.attached)
    @rule()
    def detach_it(self) -> None:
        self.detach()

    @precondition(lambda self: not self.attached)
    @rule()
    def attach_it(self) -> None:
        self.attach()

    @rule(backwards=st.booleans())
    def run_pass(self, *, backwards: bool) -> None:
        """In one pass the guest is turned and the host does its own work."""
        ready = self.attached and (bool(self.guest.io) or bool(self.guest.ready))
        detached, turns = self.detached, self.guest.turns
        own = [request for request in self.host.own if request.is_live()]
        left = self.run(lambda: self.host.run_pass(backwards=backwards))
        if ready and detached == self.detached:
            assert self.guest.turns > turns, "the guest was not turned"
        assert left or all(request.done for request in own), "the host was starved"

    def run(self, host_run: Callable[[], object]) -> bool:
        """Run the host; return whether an exception left it."""
        try:
            host_run()
        except Interrupted:
            assert self.host.raises
            return True
        return False

    @rule()
    def settle(self) -> None:
        """Without a new event the host comes to rest, and then the guest has nothing to do."""
        for _ in range(BUSY):
            if not self.run(lambda: self.host.run_until_idle(BUSY)):
                break
        assert self.host.is_idle()
        assert not self.host.pending()
        if self.attached:
            self.check_at_rest()

    def check_at_rest(self) -> None:
        """The guest has nothing to do, and the host holds its next timer."""
        assert not self.guest.ready
        assert not self.guest.batch
        assert not self.guest.io
        due = self.guest.deadline()
        assert due is None or self.host.next_timer() <= self.clock() + due + SLACK

    def teardown(self) -> None:
        """All that was left to the guest runs, once; then nothing wakes the host any more."""
        if not hasattr(self, "host"):
            return
        if not self.attached:
            self.attach()
        for _ in range(BUSY):
            self.settle()
            if not self.attached:
                self.attach()
            elif self.host.next_timer() < math.inf:
                self.clock.now = self.host.next_timer()
            else:
                break
        assert self.host.is_idle()
        assert self.host.next_timer() == math.inf, "a timer for nothing"
        assert self.guest.deadline() is None
        assert self.ran == self.owed
        self.check_consistent()
        self.check_reasons()
        self.detach()
        assert self.host.holds_nothing()


TestEmbedding = EmbeddingMachine.TestCase
TestEmbedding.settings = settings(
    max_examples=200,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
