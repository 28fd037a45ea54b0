"""The heap of timed calls: its size and its cost stay within limits."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest

from tests.unit.fakes import FakeClock
from tests.unit.twisted_in_asyncio.timed_reactors import HeapTimers, nothing


def entries_allowed(pending: int) -> int:
    """The limit of entries: as many outdated as pending ones, and 50; the test has a call more."""
    return 2 * (pending + 1) + 50


@pytest.mark.parametrize("pending", [0, 1, 10, 1000])
def test_cancel_storm_does_not_grow_the_heap(timers: HeapTimers, pending: int) -> None:
    for _ in range(pending):
        timers.callLater(100, nothing)
    for _ in range(5000):
        timers.callLater(50, nothing).cancel()
        assert timers.entries() <= entries_allowed(pending)


@pytest.mark.parametrize("pending", [1, 10, 1000])
def test_reset_storm_does_not_grow_the_heap(timers: HeapTimers, pending: int) -> None:
    calls = [timers.callLater(1e6, nothing) for _ in range(pending)]
    for sooner in range(5000):
        calls[sooner % pending].reset(1e6 - sooner)
        assert timers.entries() <= entries_allowed(pending)


def test_call_that_moves_to_and_fro_does_not_grow_the_heap(timers: HeapTimers) -> None:
    """A call that is moved back to an earlier time of its has one entry that counts."""
    call = timers.callLater(10, nothing)
    for _ in range(5000):
        call.reset(5)
        call.reset(10)
        assert timers.timeout() == 10
        assert timers.getDelayedCalls() == [call]
        assert timers.entries() <= entries_allowed(1)
    timers.callLater(1, nothing).cancel()
    assert timers.entries() <= entries_allowed(1)


def test_every_call_has_one_entry_that_counts(timers: HeapTimers, clock: FakeClock) -> None:
    """All others are outdated; their number decides when the heap is rebuilt."""
    choose = random.Random(1)
    calls: list[Any] = []
    for _ in range(20_000):
        calls.append(timers.callLater(choose.uniform(0, 9), nothing))
        call = calls.pop(choose.randrange(len(calls)))
        if call.active():
            change = choose.choice([call.cancel, partial(call.reset, 1), partial(call.delay, 2)])
            change()
            calls.append(call)
        calls = [call for call in calls if call.active()][-200:]
        clock.advance(choose.choice([0, 0, 0.05]))
        choose.choice([timers.timeout, timers.runUntilCurrent, nothing])()
        assert timers.entries() - timers.outdated() == len(timers.getDelayedCalls())


class Instant(float):
    """A time that counts how often it is compared."""

    compared = 0

    def __add__(self, seconds: float) -> Instant:
        return Instant(float(self) + seconds)

    def __eq__(self, other: object) -> bool:
        Instant.compared += 1
        return float(self) == other

    def __lt__(self, other: float) -> bool:
        Instant.compared += 1
        return float(self) < other

    __hash__ = float.__hash__


def test_reset_among_100_000_is_not_linear(timers: HeapTimers, clock: FakeClock) -> None:
    """To sooner, for which Twisted searches the whole heap. The rebuilds are included."""
    count = 100_000
    clock.now = Instant(clock.now)
    calls = [timers.callLater(1000 + number % 997, nothing) for number in range(count)]
    assert isinstance(calls[0].getTime(), Instant)
    Instant.compared = 0
    for call in calls:
        call.reset(900 + int(call.getTime()) % 89)
    assert 0 < Instant.compared / count < 100, "comparisons a reset"
    assert len(timers.getDelayedCalls()) == count
