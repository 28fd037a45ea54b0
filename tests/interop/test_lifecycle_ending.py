"""Every way to the end, from every entry point: what ends, and in which order."""

from __future__ import annotations

import signal

import pytest

from tests.interop.scripts import PATIENCE, start_script

ASYNCIO = ["task", "generator", "executor"]
TWISTED = ["before", "during", "after"]

#: Entry points that close their loop; the others leave it open, and the rest is done at exit.
CLOSING = ["triloop_run", "asyncio_run_attached", "asyncio_run", "guest_triloop_run"]
#: Entry points that run a coroutine, and return when that does.
COMPLETING = [*CLOSING, "run_until_complete", "guest_run_sync"]
#: Entry points without a main coroutine.
ENDLESS = ["io_loop", "reactor_run", "guest_io_loop", "guest_reactor_run"]
ENTRIES = [*COMPLETING, *ENDLESS]
CAUSES = [
    "return",
    "exception",
    "reactor.stop",
    "loop.stop",
    "IOLoop.stop",
    "SIGINT",
    "SIGTERM",
    "sys.exit in asyncio",
    "sys.exit in Twisted",
]


def makes_sense(entry: str, cause: str) -> bool:
    if cause in {"return", "exception"}:
        return entry in COMPLETING
    if cause == "sys.exit in Twisted":
        # Twisted's own reactors log a SystemExit of their callbacks, and go on.
        return not entry.startswith("guest_")
    if cause == "IOLoop.stop":
        return entry.endswith("io_loop")
    return cause != "loop.stop" or not entry.endswith("io_loop")


COMBINATIONS = [
    (entry, cause) for entry in ENTRIES for cause in CAUSES if makes_sense(entry, cause)
]


def handles(entry: str, number: str) -> bool:
    """Whether the entry point ends in order and returns at a signal."""
    if entry in {"reactor_run", "guest_reactor_run"}:
        return True
    return number == "SIGTERM" and entry in {"triloop_run", "guest_triloop_run"}


def expected_outcome(entry: str, cause: str) -> str | None:
    """The outcome of the entry point; None if the process ends before."""
    if cause.startswith("sys.exit"):
        return None
    if cause == "SIGTERM" and not handles(entry, cause):
        return None
    if cause == "SIGINT" and not handles(entry, cause):
        return "raised KeyboardInterrupt"
    if cause == "exception":
        return "raised LookupError"
    if (entry, cause) == ("run_until_complete", "reactor.stop"):
        return "raised CancelledError"
    # As asyncio's own: the loop was stopped before the coroutine was through. (Tornado says the
    # same of a coroutine that was cancelled.)
    cut_short = cause in {"loop.stop", "IOLoop.stop"} and entry in COMPLETING
    cut_short |= (entry, cause) == ("guest_run_sync", "reactor.stop")
    return "raised RuntimeError" if cut_short else None


def expected_order(entry: str, cause: str) -> list[list[str]]:
    """The sequences whose order is checked."""
    if entry == "asyncio_run_attached":
        # The block is within a task: it ends while that does.
        return [TWISTED, ASYNCIO]
    if entry == "asyncio_run" and cause == "reactor.stop":
        # The loop belongs to asyncio.run, and goes on.
        return [[*TWISTED, *ASYNCIO]]
    return [[*ASYNCIO, *TWISTED]]


def expected_status(entry: str, cause: str) -> int:
    if cause.startswith("sys.exit"):
        return 3
    if cause == "SIGTERM" and not handles(entry, cause):
        return -signal.SIGTERM
    return 0


@pytest.mark.parametrize(("entry", "cause"), COMBINATIONS)
def test_end_is_in_order(entry: str, cause: str) -> None:
    process = start_script("ending_script", entry, cause)
    try:
        said, complaints = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    events = said.splitlines()
    assert not complaints, (events, complaints)
    assert process.returncode == expected_status(entry, cause), events
    if process.returncode < 0:
        assert events == []
        return
    outcome = expected_outcome(entry, cause)
    assert [event for event in events if event.startswith("raised")] == [outcome][: bool(outcome)]
    assert ("returned" in events) == (process.returncode == 0)
    assert events[-1] == "loop closed"
    for sequence in expected_order(entry, cause):
        assert [event for event in events if event in sequence] == sequence, events
    # The shutdown ends threads and joins them.
    assert events.index("thread") > events.index("during")
    run = [event for event in events[:-1] if event not in {"returned", outcome}]
    assert sorted(run) == sorted([*ASYNCIO, *TWISTED, "thread"])
    if entry in {"triloop_run", "asyncio_run", "asyncio_run_attached"} and "returned" in events:
        assert events.index("returned") == len(events) - 2, "all is over when it returns"
