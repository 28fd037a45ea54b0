"""The engine: native loops that are run by the guest's own work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.embedded_worlds import World, from_another_thread, schedule_for_ever
from tests.unit.fakes import FakeGuest, FakeHost
from triloop.embedding import MAX_ROUNDS, Embedding, State

if TYPE_CHECKING:
    from collections.abc import Callable


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
    """A poll from before the refusal may still deliver its result."""

    def dialog() -> None:
        (watch,) = world.host.watching()
        watch.callback()
        watch.callback()

    world.guest.receive(dialog)
    world.host.run_pass()
    assert len(world.host.watching()) == 1


def test_nested_loop_with_work_that_was_woken_for(world: World) -> None:
    """The call_soon from before the turn comes in the middle of it; the work is done afterwards."""

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
    """A host that says that it nests, and a guest whose turn can be suspended."""
    world = World()
    world.host = FakeHost(world.clock, nests=True, recurses=request.param)
    world.guest = FakeGuest(world.clock, nests=True)
    world.host.readable = world.guest.is_readable
    world.guest.embedding = world.embedding = Embedding(world.host, world.guest, world.clock)
    world.embedding.attach()
    return world.settle()


def open_dialog(world: World, *events: Callable[[], object], left: int = 0) -> list[str]:
    """Have the guest open a dialog in which ``events`` happen; return what has run by its end."""
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


def test_host_that_nests_gets_a_call_soon_with_each_turn(nesting: World) -> None:
    soons = nesting.host.soons
    nesting.guest.receive(nesting.note("data"))
    nesting.host.run_pass()
    assert nesting.host.soons == soons + 1
    nesting.host.run_pass()
    assert nesting.host.is_idle()
    assert nesting.guest.turns == 1, "it finds nothing"


def test_host_that_does_not_nest_gets_no_call_soon() -> None:
    """If it nests anyway, I/O and the armed timer go on."""
    world = World()
    world.guest.suspend = world.guest.suspend_turn
    world.embedding = world.guest.embedding = Embedding(world.host, world.guest, world.clock)
    world.embedding.attach()
    world.settle()
    soons = world.host.soons
    assert open_dialog(world, lambda: world.guest.receive(world.note("data"))) == ["data"]
    assert world.host.soons == soons
