"""The engine: turns, their budget, and exceptions that leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.embedded_worlds import World, from_another_thread, schedule_for_ever
from tests.unit.fakes import FakeClock, FakeGuest, FakeHost
from triloop.embedding import MAX_ROUNDS, TURN_BUDGET, Embedding, State

if TYPE_CHECKING:
    pass


# The budget


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
    schedule_for_ever(world, TURN_BUDGET / 2.5)
    world.host.run_pass()
    assert world.guest.turns == 3
    world.host.run_pass()
    assert world.guest.turns == 6


def test_slow_round_is_the_only_one(world: World) -> None:
    schedule_for_ever(world, TURN_BUDGET * 1.01)
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
    """The guest is readable and woken in one pass: it still has one call_soon afterwards."""
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


def test_guest_whose_deadline_raises_does_not_block_the_engine(world: World) -> None:
    """The exception is not lost, and the engine does not stay in a turn for ever."""
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


def test_default_clock_is_monotonic() -> None:
    """Without a clock argument the engine arms its timer by the deadline of the guest."""
    clock = FakeClock()
    host, guest = FakeHost(clock), FakeGuest(clock)
    embedding = Embedding(host, guest)
    guest.call_later(3, lambda: None)
    embedding.attach()
    host.run_pass()
    assert host.next_timer() == clock() + 3
