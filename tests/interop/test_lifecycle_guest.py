"""Loops in a reactor of Twisted's own, and loops in threads: each program in a process."""

from __future__ import annotations

import pytest

from tests.interop.scripts import interrupt, run_script, start_script

PROGRAMS = [
    "starts_and_stops_many_times",
    "runs_before_and_after_the_reactor",
    "what_a_stop_waits_for_may_be_cut_short",
    "runners_follow_each_other",
    "current_may_be_cleared",
    "closed_while_the_reactor_goes_on",
    "closed_by_the_reactor_itself",
    "threads_in_the_pool_do_not_keep_the_process",
    "threads_feed_each_other",
    "wrong_threads_are_named_in_debug_mode",
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program: str) -> None:
    run_script("guest_lifecycle_script", program)


@pytest.mark.parametrize("state", ["idle", "stubborn", "busy asyncio", "busy Twisted"])
@pytest.mark.parametrize("entry", ["asyncio", "uvloop", "guest"])
def test_ctrl_c_ends_triloop_run(entry: str, state: str) -> None:
    """At the first Ctrl-C if the program can be cancelled, otherwise at the second."""
    process = start_script("run_interrupt_script", entry, state)
    said, complaints = interrupt(process, 1 if state == "idle" else 2)
    ended = ["shut down", "KeyboardInterrupt"]
    if entry == "guest":
        ended.reverse()  # a reactor of Twisted's own ends with the process
    assert (process.returncode, said.splitlines()) == (0, ended), complaints
    if entry == "guest" and state == "busy Twisted":
        # It also logs the exception that interrupted its callback.
        assert complaints.splitlines()[-2:] == ["builtins.KeyboardInterrupt: ", ""]
    else:
        assert not complaints
