"""The engine: attached or not, idle, and its timer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.unit.embedded_worlds import World, from_another_thread
from tests.unit.fakes import FakeGuest
from triloop.embedding import LONGEST_TIMER, SLACK, State

if TYPE_CHECKING:
    pass


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
    """The poll has already found the guest readable, but it must not be turned any more."""
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
    """After a move to a new thread, the old thread counts as another one."""
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


def test_timer_that_moved_away_costs_one_early_wake_up(world: World) -> None:
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


def test_cancelled_timer_costs_one_early_wake_up(world: World) -> None:
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


def test_timer_of_many_days_is_armed_day_by_day(world: World) -> None:
    """Qt's and Tk's timers cannot be longer than 24 days."""
    world.guest.call_later(2.5 * LONGEST_TIMER, world.note("timer"))
    for days in (1, 1, 0.5):
        world.settle()
        assert world.host.next_timer() == world.clock() + days * LONGEST_TIMER
        world.clock.now = world.host.next_timer()
    world.settle()
    assert world.ran == ["timer"]


def test_timer_that_a_turn_makes_is_armed_at_its_end(world: World) -> None:
    world.guest.receive(lambda: world.guest.call_later(3, world.note("timer")))
    world.settle()
    assert world.host.next_timer() == world.clock() + 3
