"""Timed calls: as in Twisted, but without its linear search, and each in its context."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.base import DelayedCall
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.unit.fakes import FakeClock
from tests.unit.twisted_in_asyncio.timed_reactors import HeapTimers, TwistedTimers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Timers = HeapTimers | TwistedTimers


@pytest.fixture(params=[HeapTimers, TwistedTimers], ids=["ours", "Twisted's"])
def either(request: pytest.FixtureRequest, clock: FakeClock) -> Timers:
    """Ours and Twisted's own: the tests hold for both."""
    reactor: Timers = request.param(clock)
    return reactor


@pytest.fixture
def failures() -> Iterator[list[BaseException]]:
    """The exceptions that are logged."""
    logged: list[BaseException] = []

    @implementer(ILogObserver)
    def observe(event: dict[str, Any]) -> None:
        if "log_failure" in event:
            logged.append(event["log_failure"].value)

    globalLogPublisher.addObserver(observe)
    yield logged
    globalLogPublisher.removeObserver(observe)


def nothing() -> None:
    """Do nothing."""


def test_interfaces(timers: HeapTimers) -> None:
    assert verifyObject(IReactorTime, timers)
    assert verifyObject(IDelayedCall, timers.callLater(1, nothing))
    assert isinstance(timers.callLater(1, nothing), DelayedCall)


# As Twisted's


def test_call_runs_when_due_with_its_arguments(either: Timers, clock: FakeClock) -> None:
    ran: list[object] = []
    either.callLater(2, lambda *args, **kw: ran.append((args, kw)), 1, two=2)
    either.runUntilCurrent()
    clock.advance(1.9)
    either.runUntilCurrent()
    assert ran == []
    clock.advance(0.1)
    either.runUntilCurrent()
    assert ran == [((1,), {"two": 2})]
    clock.advance(9)
    either.runUntilCurrent()
    assert len(ran) == 1


def test_negative_delay_is_refused(either: Timers) -> None:
    with pytest.raises(AssertionError, match="-1 is not greater than or equal to 0 seconds"):
        either.callLater(-1, nothing)


def test_call_for_now_that_a_call_makes_waits_for_the_next_pass(either: Timers) -> None:
    ran: list[str] = []

    def again() -> None:
        ran.append("again")
        either.callLater(0, again)

    either.callLater(0, again)
    for passes in range(1, 4):
        either.runUntilCurrent()
        assert len(ran) == passes


def test_delayed_calls_run_in_the_pass_in_which_they_are_due(
    either: Timers, clock: FakeClock
) -> None:
    """A delayed call is moved in the heap only when it comes up; that makes no call late."""
    ran: list[str] = []
    delayed = either.callLater(1, ran.append, "delayed")
    either.callLater(2.5, ran.append, "plain")
    either.runUntilCurrent()
    delayed.delay(1)
    clock.advance(3)
    either.runUntilCurrent()
    assert ran == ["delayed", "plain"]


def test_delayed_call_does_not_run_at_its_old_time(either: Timers, clock: FakeClock) -> None:
    ran: list[str] = []
    either.callLater(1, ran.append, "delayed").delay(4)
    either.callLater(2, ran.append, "reset").reset(6)
    either.runUntilCurrent()
    for step, expected in ((4, []), (1, ["delayed"]), (1, ["delayed", "reset"])):
        clock.advance(step)
        either.runUntilCurrent()
        assert ran == expected


def test_reset_within_a_pass_takes_effect_in_it(either: Timers, clock: FakeClock) -> None:
    ran: list[str] = []
    target = either.callLater(9, ran.append, "target")
    either.callLater(1, lambda: target.reset(0))
    either.callLater(2, ran.append, "plain")
    either.runUntilCurrent()
    clock.advance(2)
    either.runUntilCurrent()
    assert sorted(ran) == ["plain", "target"]


def test_cancel_within_a_pass_takes_effect_in_it(either: Timers, clock: FakeClock) -> None:
    ran: list[str] = []
    target = either.callLater(2, ran.append, "target")
    either.callLater(1, target.cancel)
    clock.advance(3)
    either.runUntilCurrent()
    assert ran == []
    assert either.getDelayedCalls() == []


@pytest.mark.parametrize("act", ["cancel", "reset", "delay"])
def test_errors_of_a_call_that_is_over(either: Timers, act: str) -> None:
    def attempt(call: Any) -> None:
        getattr(call, act)(*() if act == "cancel" else (1,))

    called, cancelled = either.callLater(0, nothing), either.callLater(0, nothing)
    cancelled.cancel()
    either.runUntilCurrent()
    with pytest.raises(AlreadyCalled):
        attempt(called)
    with pytest.raises(AlreadyCancelled):
        attempt(cancelled)
    assert either.getDelayedCalls() == []


def test_call_is_over_while_it_runs(either: Timers) -> None:
    errors: list[str] = []

    def cancel_itself() -> None:
        assert either.getDelayedCalls() == []
        with pytest.raises(AlreadyCalled):
            call.cancel()
        errors.append("already called")

    call = either.callLater(0, cancel_itself)
    either.runUntilCurrent()
    assert errors == ["already called"]


def test_error_of_a_call_is_logged_and_other_calls_run(
    either: Timers, failures: list[BaseException]
) -> None:
    ran: list[str] = []
    either.callLater(0, lambda: 1 / 0)
    either.callLater(0, ran.append, "next")
    either.runUntilCurrent()
    assert ran == ["next"]
    assert [type(failure) for failure in failures] == [ZeroDivisionError]


def test_error_of_a_threads_call_is_logged_and_other_calls_run(
    either: Timers, failures: list[BaseException]
) -> None:
    ran: list[str] = []
    either.callFromThread(lambda: 1 / 0)
    either.callFromThread(ran.append, "next")
    either.runUntilCurrent()
    assert ran == ["next"]
    assert [type(failure) for failure in failures] == [ZeroDivisionError]


def test_threads_call_that_a_threads_call_makes_waits_for_the_next_pass(either: Timers) -> None:
    ran: list[str] = []
    either.callFromThread(lambda: either.callFromThread(ran.append, "inner"))
    either.callFromThread(ran.append, "outer")
    wakes = either.wakes
    either.runUntilCurrent()
    assert ran == ["outer"]
    assert either.wakes > wakes, "the reactor may not sleep on it"
    either.runUntilCurrent()
    assert ran == ["outer", "inner"]


def test_debug_mode_shows_where_a_call_was_made(
    either: Timers, failures: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DelayedCall, "debug", True)
    call = either.callLater(0, lambda: 1 / 0)
    assert "test_debug_mode_shows_where_a_call_was_made" in repr(call)
    either.runUntilCurrent()
    assert len(failures) == 1


# Ours


def test_calls_for_the_same_time_run_in_the_order_of_making(timers: HeapTimers) -> None:
    ran: list[int] = []
    for number in range(100):
        timers.callLater(0, ran.append, number)
    timers.runUntilCurrent()
    assert ran == list(range(100))


def test_timeout_is_when_the_next_call_is_due(timers: HeapTimers, clock: FakeClock) -> None:
    assert timers.timeout() is None
    first, second = timers.callLater(2, nothing), timers.callLater(5, nothing)
    assert timers.timeout() == 2
    first.delay(2)
    assert timers.timeout() == 4, "a delayed call causes a wake-up at its old time"
    first.cancel()
    assert timers.timeout() == 5, "nor does one that was cancelled"
    second.reset(1)
    assert timers.timeout() == 1
    clock.advance(3)
    assert timers.timeout() == 0
    second.cancel()
    assert timers.timeout() is None


def test_timeout_is_what_a_poll_can_take(timers: HeapTimers) -> None:
    timers.callLater(1e12, nothing)
    timeout = timers.timeout()
    assert timeout is not None
    assert timeout * 1000 <= 2**31


@pytest.mark.parametrize("make", ["callLater", "callFromThread"])
@pytest.mark.parametrize("reason", [KeyboardInterrupt, SystemExit])
def test_interrupt_leaves_the_pass_and_no_call_is_lost(
    timers: HeapTimers, make: str, reason: type[BaseException]
) -> None:
    ran: list[str] = []

    def end() -> None:
        raise reason

    ask: Callable[..., object] = timers.callFromThread
    if make == "callLater":

        def ask(function: Callable[..., Any], *args: object) -> object:
            return timers.callLater(0, function, *args)

    ask(ran.append, "before")
    ask(end)
    ask(ran.append, "after")
    with pytest.raises(reason):
        timers.runUntilCurrent()
    assert ran == ["before"]
    timers.runUntilCurrent()
    assert ran == ["before", "after"]


def test_stop_fires_shutdown_at_the_end_of_the_pass(timers: HeapTimers) -> None:
    ran: list[str] = []
    timers.addSystemEventTrigger("during", "shutdown", ran.append, "shutdown")
    timers._justStopped = True
    timers.callLater(0, ran.append, "call")
    timers.runUntilCurrent()
    assert ran == ["call", "shutdown"]
    timers.runUntilCurrent()
    assert ran == ["call", "shutdown"]


# Contexts: twisted#9824

name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="none")


def in_context(value: str, function: Callable[..., Any], *args: Any) -> Any:
    def run() -> Any:
        name.set(value)
        return function(*args)

    return contextvars.copy_context().run(run)


def test_twisted_9824_each_call_runs_in_the_context_of_its_making(
    timers: HeapTimers, clock: FakeClock
) -> None:
    seen: list[str] = []
    first = in_context("first", timers.callLater, 1, lambda: seen.append(name.get()))
    second = in_context("second", timers.callLater, 2, lambda: seen.append(name.get()))
    in_context("third", first.reset, 3)
    in_context("fourth", second.delay, 3)
    clock.advance(9)
    timers.runUntilCurrent()
    assert seen == ["first", "second"]


def test_context_that_a_call_changes_is_its_own(timers: HeapTimers) -> None:
    seen: list[str] = []
    timers.callLater(0, name.set, "changed")
    timers.callLater(0, lambda: seen.append(name.get()))
    timers.runUntilCurrent()
    assert seen == ["none"]
    assert name.get() == "none"


def test_context_is_copied_when_the_call_is_made(timers: HeapTimers) -> None:
    seen: list[str] = []

    def make() -> None:
        timers.callLater(0, lambda: seen.append(name.get()))
        name.set("later")

    in_context("at first", make)
    timers.runUntilCurrent()
    assert seen == ["at first"]


# Cost
