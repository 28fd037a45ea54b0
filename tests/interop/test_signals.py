"""Signals in one process with three worlds: each gets its own, and all handlers are put back."""

from __future__ import annotations

import functools
import signal
import sys

import pytest

from tests.interop.scripts import PATIENCE, interrupt, run_script, start_script
from tests.interop.stages import COMBINATIONS

#: The stack that is the oracle for a runner.
NATIVE = {
    "asyncio": "native asyncio",
    "uvloop": "native uvloop",
    "epoll": "native asyncio",
    "stacked": "native asyncio",
}
INTERRUPTED = [(stack, runner) for stack, runner in COMBINATIONS if stack in NATIVE]
#: asyncio.run's own handler asks first and insists the second time; Python 3.10 has no such thing.
ASKS_FIRST = sys.version_info >= (3, 11)


@pytest.mark.parametrize(("stack", "runner"), COMBINATIONS)
def test_each_world_gets_its_signals(stack: str, runner: str) -> None:
    run_script("signals_script", stack, runner)


@pytest.mark.parametrize("stack", ["asyncio", "uvloop", "epoll", "stacked"])
def test_twisted_alone_gets_its_signals(stack: str) -> None:
    run_script("signals_script", stack, "reactor.run", "Twisted alone")


@pytest.mark.parametrize("stack", ["asyncio", "uvloop", "epoll", "stacked"])
def test_a_thread_other_than_the_main_one_leaves_signals_alone(stack: str) -> None:
    run_script("thread_script", stack, "run_until_complete")


def interrupted(stack: str, runner: str, state: str, presses: int) -> tuple[int, str, list[str]]:
    """Press Ctrl-C; return the exit status, the last line of stderr and all lines."""
    process = start_script("interrupt_script", stack, runner, state, strict=False)
    said, complaints = interrupt(process, presses)
    # Twisted's own handling of Ctrl-C does not interrupt callbacks.
    assert said == ("returned\n" if runner == "reactor.run" and "busy" in state else "")
    lines = complaints.splitlines()
    return process.returncode, lines[-1] if lines else "", lines


@functools.cache
def native_end(stack: str, runner: str, state: str, presses: int) -> tuple[int, str]:
    return interrupted(stack, runner, state, presses)[:2]


def compare(stack: str, runner: str, state: str, presses: int) -> list[str]:
    *end, lines = interrupted(stack, runner, state, presses)
    if runner == "reactor.run":
        native = native_end("native epoll", runner, state.replace("asyncio", "Twisted"), presses)
        assert native[0] == 0
    else:
        native = native_end(NATIVE[stack], runner, state.replace("Twisted", "asyncio"), presses)
        assert native == (-signal.SIGINT, "KeyboardInterrupt")
    assert tuple(end) == native, lines
    return lines


@pytest.mark.parametrize(("stack", "runner"), INTERRUPTED)
def test_interrupt_of_an_idle_program(stack: str, runner: str) -> None:
    compare(stack, runner, "idle", 1)


@pytest.mark.skipif(
    not ASKS_FIRST, reason="before Python 3.11 asyncio.run waits for such a program for ever"
)
@pytest.mark.parametrize("stack", list(NATIVE))
def test_interrupt_of_a_program_that_does_not_give_in(stack: str) -> None:
    compare(stack, "asyncio.run", "stubborn", 2 if ASKS_FIRST else 1)


@pytest.mark.parametrize("stack", list(NATIVE))
def test_second_interrupt_of_a_reactor_waits_for_no_task(stack: str) -> None:
    assert interrupted(stack, "reactor.run", "stubborn", 2) == (0, "", [])


@pytest.mark.parametrize("world", ["asyncio", "Twisted"])
@pytest.mark.parametrize(("stack", "runner"), INTERRUPTED)
def test_interrupt_of_a_busy_callback(stack: str, runner: str, world: str) -> None:
    presses = 1
    if runner == "asyncio.run" and ASKS_FIRST:
        presses = 2
    elif world == "Twisted" and stack == "epoll" and runner != "reactor.run":
        # Twisted's own reactor would swallow what is raised in its callbacks: the run is told to
        # end after this one, and only a second Ctrl-C interrupts it.
        end = interrupted(stack, runner, f"busy {world}", 2)
        assert end[:2] == (-signal.SIGINT, "KeyboardInterrupt"), end
        return
    compare(stack, runner, f"busy {world}", presses)


@pytest.mark.parametrize("stack", ["asyncio", "epoll", "stacked", "native asyncio"])
def test_a_handler_may_end_the_program(stack: str) -> None:
    process = start_script("interrupt_script", stack, "run_until_complete", "exiting")
    try:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, complaints) == (5, "")
