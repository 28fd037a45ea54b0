"""The engine, rule by rule, on a fake host, a fake guest and a fake clock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.unit.fakes import FakeClock, FakeGuest, FakeHost
from triloop.embedding import MAX_ROUNDS, MAX_SECONDS, SLACK, Embedding, State

if TYPE_CHECKING:
    from collections.abc import Callable


class World:
    """A guest in a host; ``ran`` is what the guest's work and the host's have done, in order."""

    def __init__(self, *, raises: bool = False, max_rounds: int = MAX_ROUNDS) -> None:
        self.clock = FakeClock()
        self.host = FakeHost(self.clock, raises=raises)
        self.guest = FakeGuest(self.clock)
        self.host.readable = self.guest.is_readable
        self.embedding = Embedding(self.host, self.guest, self.clock, max_rounds=max_rounds)
        self.guest.embedding = self.embedding
        self.ran: list[str] = []

    def note(self, name: str) -> Callable[[], None]:
        return lambda: self.ran.append(name)

    def settle(self) -> World:
        self.host.run_until_idle(limit=5)
        return self


@pytest.fixture
def world() -> World:
    """A world whose guest is attached and idle."""
    world = World()
    world.embedding.attach()
    return world.settle()


def from_another_thread(function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


# DETACHED


def test_host_holds_nothing_before_attach() -> None:
    world = World()
    assert world.embedding.state is State.DETACHED
    assert world.host.holds_nothing()


def test_wake_is_ignored_while_detached() -> None:
    world = World()
    world.guest.schedule(world.note("work"))
    from_another_thread(world.embedding.wake)
    assert world.host.is_idle()


def test_attach_turns_what_was_ready_before() -> None:
    world = World()
    world.guest.schedule(world.note("work"))
    world.embedding.attach()
    assert world.ran == [], "attach itself runs nothing"
    world.host.run_pass()
    assert world.ran == ["work"]


def test_attach_arms_the_timer_of_before() -> None:
    world = World()
    world.guest.call_later(3, world.note("timer"))
    world.embedding.attach()
    world.settle()
    assert world.host.next_timer() == world.clock() + 3


def test_attach_reads_what_was_readable_before() -> None:
    world = World()
    world.guest.receive(world.note("data"))
    world.embedding.attach()
    world.settle()
    assert world.ran == ["data"]


def test_attach_twice_is_an_error_and_changes_nothing(world: World) -> None:
    with pytest.raises(RuntimeError, match="detach it first"):
        world.embedding.attach()
    assert world.embedding.state is State.IDLE
    assert world.host.watched == 1


def test_attach_that_the_host_refuses_leaves_it_detached() -> None:
    world = World()
    world.guest.fd = -1
    with pytest.raises(ValueError, match="no descriptor"):
        world.embedding.attach()
    assert world.embedding.state is State.DETACHED
    assert world.host.holds_nothing()
    world.guest.fd = FakeGuest.FD
    world.guest.receive(world.note("data"))
    world.embedding.attach()
    world.settle()
    assert world.ran == ["data"]


def test_detach_takes_everything_back(world: World) -> None:
    world.guest.call_later(3, world.note("timer"))
    world.settle()
    world.guest.schedule(world.note("work"))
    assert world.host.watching()
    assert world.host.armed()
    assert world.host.pending()
    world.embedding.detach()
    assert world.embedding.state is State.DETACHED
    assert world.host.holds_nothing()
    world.clock.advance(4)
    world.settle()
    assert world.ran == []


def test_detach_twice_is_the_same_as_once(world: World) -> None:
    world.embedding.detach()
    world.embedding.detach()
    assert world.host.holds_nothing()


def test_attach_again_goes_on_where_detach_left(world: World) -> None:
    world.guest.call_later(3, world.note("timer"))
    world.guest.schedule(world.note("work"))
    world.embedding.detach()
    world.embedding.attach()
    world.settle()
    assert world.ran == ["work"]
    world.clock.advance(3)
    world.settle()
    assert world.ran == ["work", "timer"]


def test_detach_in_a_host_callback_between_poll_and_turn(world: World) -> None:
    """The poll has found the guest readable already; it must not be turned any more."""
    world.guest.receive(world.note("data"))
    world.host.add_own(world.embedding.detach)
    world.host.run_pass(backwards=True)
    assert world.ran == []
    assert world.host.holds_nothing()


def test_attach_in_a_host_callback(world: World) -> None:
    world.embedding.detach()
    world.guest.schedule(world.note("work"))
    world.host.add_own(world.embedding.attach)
    world.settle()
    assert world.ran == ["work"]


def test_threads_wake_that_comes_after_detach_is_ignored(world: World) -> None:
    from_another_thread(lambda: world.guest.schedule(world.note("work")))
    world.embedding.detach()
    world.settle()
    assert world.ran == []
    assert world.host.holds_nothing()


# IDLE


def test_idle_guest_leaves_the_host_asleep(world: World) -> None:
    world.embedding.wake()
    world.settle()
    assert world.embedding.state is State.IDLE
    assert world.host.is_idle()
    assert not world.host.armed()
    assert len(world.host.watching()) == 1
    assert world.guest.turns == 0, "a look that finds nothing is no turn"


def test_readable_is_turned(world: World) -> None:
    world.guest.receive(world.note("data"))
    world.host.run_pass()
    assert world.ran == ["data"]
    assert world.guest.turns == 1
    assert world.host.is_idle()


def test_wakes_are_one_call_soon(world: World) -> None:
    before = world.host.soons
    for _ in range(3):
        world.guest.schedule(world.note("work"))
    assert world.host.soons == before + 1
    world.host.run_pass()
    assert world.ran == ["work"] * 3
    assert world.guest.turns == 1


def test_wake_after_its_look_is_another_call_soon(world: World) -> None:
    for _ in range(2):
        world.guest.schedule(world.note("work"))
        world.host.run_pass()
    assert world.ran == ["work"] * 2


def test_wake_of_another_thread(world: World) -> None:
    from_another_thread(lambda: world.guest.schedule(world.note("work")))
    assert world.host.pending() == [], "call_soon belongs to the host's own thread"
    world.settle()
    assert world.ran == ["work"]


def test_timer_of_another_thread(world: World) -> None:
    from_another_thread(lambda: world.guest.call_later(2, world.note("timer")))
    world.settle()
    assert world.host.next_timer() == world.clock() + 2


def test_threads_are_those_of_the_last_attach(world: World) -> None:
    """What was the host's own thread is another one after a move to a new thread."""
    world.embedding.detach()
    from_another_thread(world.embedding.attach)
    world.host.run_pass()
    world.guest.schedule(world.note("work"))
    assert world.host.pending() == []
    assert len(world.host.called_from_threads()) == 1


def test_many_threads_at_once(world: World) -> None:
    each, count = 200, 4

    def schedule() -> None:
        for _ in range(each):
            world.guest.schedule(world.note("work"))

    threads = [threading.Thread(target=schedule) for _ in range(count)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        world.host.run_pass()
    world.host.run_until_idle(limit=5)
    assert len(world.ran) == each * count


# The timer


def test_timer_fires_when_it_is_due(world: World) -> None:
    world.guest.call_later(3, world.note("timer"))
    world.settle()
    world.clock.advance(2.999)
    assert world.host.is_idle()
    world.clock.advance(0.001)
    world.settle()
    assert world.ran == ["timer"]
    assert not world.host.armed()


def test_sooner_timer_replaces_the_one_that_is_armed(world: World) -> None:
    for delay in (5, 3, 4):
        world.guest.call_later(delay, world.note(f"after {delay}"))
        world.settle()
        assert len(world.host.armed()) == 1
    assert world.host.timed == 2, "the timer for 3 s serves that for 4 s too"
    for _ in range(3):
        world.clock.now = world.host.next_timer()
        world.settle()
    assert world.ran == ["after 3", "after 4", "after 5"]


def test_timer_is_kept_while_it_is_right_within_the_slack(world: World) -> None:
    """Two clocks that are read one after the other never agree to the microsecond."""
    timer = world.guest.call_later(3, world.note("timer"))
    world.settle()
    world.guest.move(timer, 3 - SLACK / 2)
    world.settle()
    assert world.host.timed == 1
    world.guest.move(timer, 3 - SLACK * 2)
    world.settle()
    assert world.host.timed == 2


def test_timer_that_moved_away_costs_one_look(world: World) -> None:
    timer = world.guest.call_later(3, world.note("timer"))
    world.settle()
    world.guest.move(timer, 8)
    world.settle()
    world.clock.advance(3)
    world.settle()
    assert world.ran == []
    assert world.guest.turns == 0
    assert world.host.next_timer() == world.clock() + 5


def test_timer_of_a_guest_with_no_deadline_is_taken_back(world: World) -> None:
    timer = world.guest.call_later(3, world.note("timer"))
    world.settle()
    world.guest.cancel(timer)
    world.guest.receive(world.note("data"))
    world.settle()
    assert not world.host.armed()


def test_cancelled_timer_costs_one_look(world: World) -> None:
    timer = world.guest.call_later(3, world.note("timer"))
    world.settle()
    world.guest.cancel(timer)
    world.clock.advance(3)
    assert world.host.run_until_idle(limit=5) == 1
    assert world.guest.turns == 0


def test_timer_that_came_early_is_armed_again(world: World) -> None:
    world.guest.call_later(3, world.note("timer"))
    world.settle()
    world.clock.advance(2.9995)
    world.host.fire_early()
    assert world.ran == []
    assert world.guest.turns == 0
    assert world.host.next_timer() == pytest.approx(world.clock() + 0.0005)
    world.clock.now = world.host.next_timer()
    world.settle()
    assert world.ran == ["timer"]


def test_timer_that_a_turn_makes_is_armed_at_its_end(world: World) -> None:
    world.guest.receive(lambda: world.guest.call_later(3, world.note("timer")))
    world.settle()
    assert world.host.next_timer() == world.clock() + 3


# The budget


def schedule_for_ever(world: World, seconds: float = 0.0) -> None:
    """Give the guest work that takes ``seconds`` and leaves more of its kind behind."""

    def work() -> None:
        world.clock.advance(seconds)
        world.ran.append("work")
        world.guest.schedule(work)

    world.guest.schedule(work)


@pytest.mark.parametrize("max_rounds", [1, 3, MAX_ROUNDS])
def test_turn_is_bounded_in_rounds(max_rounds: int) -> None:
    world = World(max_rounds=max_rounds)
    world.embedding.attach()
    schedule_for_ever(world)
    for passes in range(1, 4):
        world.host.add_own(world.note("host"))
        world.host.run_pass()
        assert world.guest.turns == passes * max_rounds
        assert world.ran.count("host") == passes, "the host has its share of every pass"


def test_turn_is_bounded_in_seconds(world: World) -> None:
    schedule_for_ever(world, MAX_SECONDS / 2.5)
    world.host.run_pass()
    assert world.guest.turns == 3
    world.host.run_pass()
    assert world.guest.turns == 6


def test_slow_round_is_the_only_one(world: World) -> None:
    schedule_for_ever(world, MAX_SECONDS * 1.01)
    world.host.run_pass()
    assert world.guest.turns == 1


def test_readable_guest_within_its_budget_is_not_asked_again(world: World) -> None:
    """Work within the budget costs the host one callback and not one request."""
    soons = world.host.soons
    world.guest.receive(lambda: world.guest.schedule(world.note("more")))
    world.host.run_pass()
    assert world.ran == ["more"]
    assert world.guest.turns == 2
    assert world.host.soons == soons


def test_soon_that_is_pending_serves_the_turn_that_is_over_budget(world: World) -> None:
    """The guest is readable and awake in one pass: it still has one soon afterwards."""
    schedule_for_ever(world)
    world.guest.receive(world.note("data"))
    world.host.add_own(world.embedding.wake)
    (watch,) = world.host.watching()
    watch.callback()
    assert len(world.host.pending()) == 1


# TURNING


def test_wake_within_a_turn_asks_nothing_of_the_host(world: World) -> None:
    soons = world.host.soons

    def work() -> None:
        assert world.embedding.state is State.TURNING
        world.guest.schedule(world.note("inner"))
        assert world.host.soons == soons

    world.guest.receive(work)
    world.host.run_pass()
    assert world.ran == ["inner"]
    assert world.host.soons == soons


def test_thread_that_wakes_within_a_turn_is_served_by_that_turn(world: World) -> None:
    def work() -> None:
        from_another_thread(lambda: world.guest.schedule(world.note("thread")))

    world.guest.receive(work)
    world.host.run_pass()
    assert world.ran == ["thread"]
    world.settle()
    assert world.guest.turns == 2, "the call that came late finds nothing to do"


def test_detach_within_a_turn_makes_its_round_the_last(world: World) -> None:
    world.guest.call_later(3, world.note("timer"))

    def work() -> None:
        world.embedding.detach()
        world.guest.schedule(world.note("later"))
        assert world.embedding.state is State.DETACHED

    world.guest.receive(work)
    world.guest.receive(world.note("same round"))
    world.settle()
    assert world.ran == ["same round"]
    assert world.host.holds_nothing()


def test_detach_and_attach_within_a_turn(world: World) -> None:
    def work() -> None:
        world.embedding.detach()
        world.embedding.attach()
        assert world.embedding.state is State.TURNING
        world.guest.schedule(world.note("later"))
        world.guest.call_later(3, world.note("timer"))

    world.guest.receive(work)
    world.settle()
    assert world.ran == ["later"]
    assert world.embedding.state is State.IDLE
    assert len(world.host.watching()) == 1
    assert world.host.next_timer() == world.clock() + 3


# Nested native loops


def test_nested_loop_does_not_re_enter_nor_spin(world: World) -> None:
    """A modal dialog: its loop finds the guest readable once, and then no more."""
    passes = []

    def dialog() -> None:
        world.guest.receive(world.note("data"))
        passes.append(world.host.run_until_idle(limit=5))
        assert world.ran == []
        assert not world.host.watching()

    world.guest.receive(dialog)
    world.host.run_pass()
    assert passes == [1]
    assert len(world.host.watching()) == 1, "what is owed is watched for again"
    world.settle()
    assert world.ran == ["data"]


def test_nested_loop_runs_the_hosts_own_work(world: World) -> None:
    def dialog() -> None:
        world.host.add_own(world.note("host"))
        world.host.run_until_idle(limit=5)
        world.ran.append("dialog closed")

    world.guest.receive(dialog)
    world.host.run_pass()
    assert world.ran == ["host", "dialog closed"]


def test_nested_loop_refused_twice(world: World) -> None:
    """A poll of before the refusal may still deliver what it found."""

    def dialog() -> None:
        (watch,) = world.host.watching()
        watch.callback()
        watch.callback()

    world.guest.receive(dialog)
    world.host.run_pass()
    assert len(world.host.watching()) == 1


def test_nested_loop_with_work_that_was_woken_for(world: World) -> None:
    """The soon of before the turn comes up in the middle of it: the work is done afterwards."""

    def dialog() -> None:
        world.guest.schedule(world.note("work"))
        assert world.host.run_until_idle(limit=5) == 1
        assert world.ran == []

    world.embedding.wake()
    world.guest.receive(dialog)
    (watch,) = world.host.watching()
    watch.callback()
    assert world.ran == ["work"]
    assert len(world.host.watching()) == 1


def test_nested_loop_with_a_soon_that_finds_nothing(world: World) -> None:
    def dialog() -> None:
        assert world.host.run_until_idle(limit=5) == 1
        assert len(world.host.watching()) == 1, "nothing was refused"

    world.embedding.wake()
    world.guest.receive(dialog)
    (watch,) = world.host.watching()
    watch.callback()
    assert world.host.is_idle()


def test_nested_loop_with_the_wake_of_a_thread(world: World) -> None:
    def dialog() -> None:
        from_another_thread(lambda: world.guest.schedule(world.note("thread")))
        assert world.host.run_until_idle(limit=5) == 1
        assert world.ran == []

    world.guest.receive(dialog)
    world.host.run_pass()
    assert world.ran == ["thread"]


def test_nested_loop_that_outlasts_a_timer(world: World) -> None:
    world.guest.call_later(3, world.note("timer"))
    world.settle()

    def dialog() -> None:
        world.clock.advance(4)
        assert world.host.run_until_idle(limit=5) == 1
        assert world.ran == []

    world.guest.receive(dialog)
    world.settle()
    assert world.ran == ["timer"]
    assert not world.host.armed()


def test_nested_loop_with_a_timer_that_came_early(world: World) -> None:
    """Nothing is armed in the middle of a turn; its end does it."""
    world.guest.call_later(3, world.note("timer"))
    world.settle()

    def dialog() -> None:
        world.clock.advance(2.9995)
        world.host.fire_early()
        assert not world.host.armed()

    world.guest.receive(dialog)
    world.host.run_pass()
    assert world.host.next_timer() == pytest.approx(world.clock() + 0.0005)


def test_nested_loop_that_detaches(world: World) -> None:
    def dialog() -> None:
        world.guest.receive(world.note("data"))
        world.host.run_pass()
        world.host.add_own(world.embedding.detach)
        world.host.run_pass()

    world.guest.receive(dialog)
    world.settle()
    assert world.host.holds_nothing()
    assert world.ran == []


def test_nested_loop_that_detaches_and_attaches(world: World) -> None:
    def dialog() -> None:
        world.guest.receive(world.note("data"))
        world.host.run_pass()
        world.embedding.detach()
        world.embedding.attach()
        world.host.run_until_idle(limit=5)

    world.guest.receive(dialog)
    world.settle()
    assert world.ran == ["data"]
    assert len(world.host.watching()) == 1


# Nested native loops around a guest whose turn can be suspended


@pytest.fixture(params=[True, False], ids=["recursing host", "host that does not recurse"])
def nesting(request: pytest.FixtureRequest) -> World:
    """A host that tells that it nests, and a guest whose turn can be suspended."""
    world = World()
    world.host = FakeHost(world.clock, nests=True, recurses=request.param)
    world.guest = FakeGuest(world.clock, nests=True)
    world.host.readable = world.guest.is_readable
    world.guest.embedding = world.embedding = Embedding(world.host, world.guest, world.clock)
    world.embedding.attach()
    return world.settle()


def open_dialog(world: World, *events: Callable[[], object], left: int = 0) -> list[str]:
    """Have the guest open a dialog in which ``events`` happen; what has run by its end."""
    ran: list[str] = []

    def dialog() -> None:
        for event in (lambda: None, *events):
            event()
            world.host.run_until_idle(limit=10)
        ran.extend(world.ran)

    world.guest.receive(dialog)
    for _ in range(left):
        world.guest.receive(world.note("left"))
    world.settle()
    assert world.embedding.state is State.IDLE
    assert len(world.host.watching()) == 1
    return ran


def test_suspended_turn_is_idle(nesting: World) -> None:
    states = []
    open_dialog(nesting, lambda: states.append(nesting.embedding.state))
    assert states == [State.IDLE]


def test_nested_loop_runs_what_its_turn_has_left(nesting: World) -> None:
    assert open_dialog(nesting, left=2) == ["left"] * 2
    assert nesting.ran == ["left"] * 2


def test_nested_loop_reads(nesting: World) -> None:
    ran = open_dialog(
        nesting,
        lambda: nesting.guest.receive(nesting.note("data")),
        lambda: nesting.guest.receive(nesting.note("more")),
    )
    assert ran == ["data", "more"]


def test_nested_loop_runs_timers_of_its_turn_and_of_its_own(nesting: World) -> None:
    def callback() -> None:
        nesting.guest.call_later(3, nesting.note("before the dialog"))
        nesting.host.run_pass()
        nesting.guest.call_later(2, nesting.note("in the dialog"))
        for _ in range(2):
            nesting.host.run_until_idle(limit=5)
            nesting.clock.now = nesting.host.next_timer()
        nesting.host.run_until_idle(limit=5)
        nesting.ran.append("dialog closed")

    nesting.guest.receive(callback)
    nesting.settle()
    assert nesting.ran == ["in the dialog", "before the dialog", "dialog closed"]


def test_nested_loop_is_woken_by_threads(nesting: World) -> None:
    ran = open_dialog(
        nesting,
        lambda: from_another_thread(lambda: nesting.guest.schedule(nesting.note("thread"))),
        lambda: from_another_thread(lambda: nesting.guest.schedule(nesting.note("again"))),
    )
    assert ran == ["thread", "again"]


def test_nested_loop_right_after_a_detach_and_attach(nesting: World) -> None:
    def callback() -> None:
        nesting.guest.schedule(nesting.note("work"))
        nesting.embedding.detach()
        nesting.embedding.attach()
        nesting.host.run_until_idle(limit=5)
        nesting.ran.append("dialog closed")

    nesting.guest.receive(callback)
    nesting.settle()
    assert nesting.ran == ["work", "dialog closed"]


def test_dialog_that_opens_another(nesting: World) -> None:
    inner: list[str] = []
    open_dialog(
        nesting,
        lambda: inner.extend(open_dialog(nesting, left=1)),
        lambda: nesting.guest.receive(nesting.note("outer")),
    )
    assert inner == ["left"]
    assert nesting.ran == ["left", "outer"]


def test_nested_loop_has_a_budget_of_its_own(nesting: World) -> None:
    def dialog() -> None:
        schedule_for_ever(nesting)
        nesting.host.add_own(nesting.note("host"))
        nesting.host.run_pass()
        assert nesting.ran.count("host") == 1
        assert nesting.guest.turns == 1 + MAX_ROUNDS

    nesting.guest.receive(dialog)
    nesting.host.run_pass()
    assert nesting.guest.turns == 1 + MAX_ROUNDS, "a turn that was suspended has no further round"
    assert len(nesting.host.pending()) == 1


def test_nested_loop_that_detaches_the_suspended_guest(nesting: World) -> None:
    nesting.guest.receive(lambda: nesting.host.run_until_idle(limit=5))
    nesting.guest.receive(nesting.embedding.detach)
    nesting.settle()
    assert nesting.host.holds_nothing()


def test_reason_of_a_nested_turn_leaves_the_outer_one_alone(nesting: World) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    ran = open_dialog(
        nesting,
        lambda: nesting.guest.receive(interrupt),
        lambda: nesting.guest.receive(nesting.note("data")),
    )
    assert len(nesting.host.reasons) == 1
    assert ran == ["data"]


def test_reason_of_a_suspended_turn(nesting: World) -> None:
    def dialog() -> None:
        nesting.host.run_until_idle(limit=5)
        raise KeyboardInterrupt

    nesting.guest.receive(dialog)
    nesting.guest.receive(nesting.note("left"))
    nesting.settle()
    assert len(nesting.host.reasons) == 1
    assert nesting.ran == ["left"]


def test_host_that_nests_is_left_a_look_with_each_turn(nesting: World) -> None:
    soons = nesting.host.soons
    nesting.guest.receive(nesting.note("data"))
    nesting.host.run_pass()
    assert nesting.host.soons == soons + 1
    nesting.host.run_pass()
    assert nesting.host.is_idle()
    assert nesting.guest.turns == 1, "it finds nothing"


def test_host_that_does_not_say_that_it_nests_is_asked_nothing() -> None:
    """If it nests all the same, I/O and the timer that is armed go on."""
    world = World()
    world.guest.suspend = world.guest.suspend_turn
    world.embedding = world.guest.embedding = Embedding(world.host, world.guest, world.clock)
    world.embedding.attach()
    world.settle()
    soons = world.host.soons
    assert open_dialog(world, lambda: world.guest.receive(world.note("data"))) == ["data"]
    assert world.host.soons == soons


# What leaves a turn


@pytest.mark.parametrize("raises", [True, False], ids=["raising host", "keeping host"])
@pytest.mark.parametrize("reason", [KeyboardInterrupt(), SystemExit(3), OSError("poll broke")])
def test_reason_goes_to_the_host_once(reason: BaseException, *, raises: bool) -> None:
    world = World(raises=raises)
    world.embedding.attach()
    world.settle()
    states = []

    def interrupted() -> None:
        states.append(world.embedding.state)
        assert len(world.host.watching()) == 1

    def work() -> None:
        raise reason

    world.host.interrupted = interrupted
    world.guest.call_later(3, world.note("timer"))
    world.guest.schedule(work)
    world.guest.schedule(world.note("left over"))
    if raises:
        with pytest.raises(type(reason)) as caught:
            world.host.run_pass()
        assert caught.value is reason
    else:
        world.host.run_pass()
    assert states == [State.IDLE]
    assert world.host.reasons == [reason]
    world.settle()
    assert world.ran == ["left over"]
    world.clock.advance(3)
    world.settle()
    assert world.ran == ["left over", "timer"]
    assert world.host.reasons == [reason]


def test_reason_of_a_later_round(world: World) -> None:
    def work() -> None:
        raise KeyboardInterrupt

    world.guest.receive(lambda: world.guest.schedule(work))
    world.host.run_pass()
    assert len(world.host.reasons) == 1
    assert world.embedding.state is State.IDLE


def test_reason_after_a_refusal_restores_the_watch(world: World) -> None:
    def dialog() -> None:
        world.guest.receive(world.note("data"))
        world.host.run_pass()
        raise KeyboardInterrupt

    world.guest.receive(dialog)
    world.host.run_pass()
    assert len(world.host.reasons) == 1
    world.settle()
    assert world.ran == ["data"]


def test_reason_of_a_turn_that_detached(world: World) -> None:
    def work() -> None:
        world.embedding.detach()
        raise SystemExit

    world.guest.receive(work)
    world.host.run_pass()
    assert len(world.host.reasons) == 1
    assert world.host.holds_nothing()


def test_guest_that_cannot_tell_its_deadline_does_not_jam_the_engine(world: World) -> None:
    """Neither is the reason lost, nor does the engine believe for ever to be in a turn."""
    broken = OSError("no clock")

    def work() -> None:
        world.guest.fails_with = broken

    world.guest.receive(work)
    world.host.run_pass()
    assert world.host.reasons == [broken]
    assert world.embedding.state is State.IDLE
    world.guest.fails_with = None
    world.guest.receive(world.note("data"))
    world.settle()
    assert world.ran == ["data"]


def test_interrupt_that_ends_the_embedding(world: World) -> None:
    def work() -> None:
        raise KeyboardInterrupt

    world.host.interrupted = world.embedding.detach
    world.guest.receive(work)
    world.host.run_pass()
    assert world.host.holds_nothing()


# The clock


def test_clock_is_monotonic_unless_told() -> None:
    """Without a clock of its own the engine still arms its timer as the guest wants it."""
    clock = FakeClock()
    host, guest = FakeHost(clock), FakeGuest(clock)
    embedding = Embedding(host, guest)
    guest.call_later(3, lambda: None)
    embedding.attach()
    host.run_pass()
    assert host.next_timer() == clock() + 3
