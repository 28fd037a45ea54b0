"""Calls of other threads: the queue of a reactor, and what wakes it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from triloop.adapters.twisted_in_asyncio.waker import Waker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.twisted_in_asyncio.timed_reactors import HeapTimers


@pytest.fixture
def waker() -> Iterator[Waker]:
    one = Waker()
    yield one
    one.connectionLost(None)


def test_pass_within_a_call_runs_the_rest_in_order(timers: HeapTimers) -> None:
    ran: list[object] = []

    def nested() -> None:
        timers.callFromThread(ran.append, "made in the call")
        timers.runUntilCurrent()
        ran.append("end of the call")

    timers.callFromThread(nested)
    for number in range(3):
        timers.callFromThread(ran.append, number)
    timers.runUntilCurrent()
    assert ran == [0, 1, 2, "made in the call", "end of the call"]
    assert not timers.threadCallQueue


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupt_of_a_call_leaves_the_rest_to_the_next_pass(
    timers: HeapTimers, interrupt: type[BaseException]
) -> None:
    ran: list[str] = []

    def interrupts() -> None:
        raise interrupt

    timers.callFromThread(ran.append, "before")
    timers.callFromThread(interrupts)
    timers.callFromThread(ran.append, "after")
    with pytest.raises(interrupt):
        timers.runUntilCurrent()
    assert ran == ["before"]
    timers.runUntilCurrent()
    assert ran == ["before", "after"]


def test_full_waker_takes_further_wakes(waker: Waker) -> None:
    for _ in range(70_000):  # a pipe of Linux holds 65,536 bytes
        waker.wakeUp()
    waker.doRead()
    assert os.read(waker.fileno(), 1) == b"\0", "what is left wakes the reactor again"


def test_read_of_an_empty_waker_does_nothing(waker: Waker) -> None:
    waker.doRead()
    waker.wakeUp()
    waker.doRead()
    with pytest.raises(BlockingIOError):
        os.read(waker.fileno(), 1)


def test_late_wake_of_a_closed_waker_writes_to_no_other_file(waker: Waker) -> None:
    number = waker.writing_fileno()
    waker.connectionLost(None)
    reading, writing = os.pipe()
    try:
        os.dup2(writing, number)
        waker.wakeUp()
        os.set_blocking(reading, False)
        with pytest.raises(BlockingIOError):
            os.read(reading, 1)
    finally:
        for fd in {reading, writing, number}:
            os.close(fd)
    assert (waker.fileno(), waker.writing_fileno()) == (-1, -1)


def test_child_programs_do_not_inherit_a_waker(waker: Waker) -> None:
    assert not os.get_inheritable(waker.fileno())
    assert not os.get_inheritable(waker.writing_fileno())
