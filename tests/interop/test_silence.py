"""Programs in which something would never happen: an error or a warning says so."""

from __future__ import annotations

import pytest

from tests.interop.scripts import run_script

PROGRAMS = [
    "calls_that_a_block_leaves_behind_are_cancelled",
    "calls_that_a_restart_leaves_behind_are_cancelled",
    "calls_of_the_parent_are_cancelled_in_a_child",
    "a_child_ends_though_the_table_of_processes_was_replaced",
    "scrapy_gets_the_loop_of_its_setting",
    "a_twisted_ioloop_is_refused_inside_a_running_loop",
    "a_call_on_a_loop_that_nothing_runs_is_warned_of_once",
    "a_call_from_the_wrong_thread_is_noticed_in_debug_mode",
    "a_call_is_made_by_the_loop_that_is_current_by_then",
    "awaiting_a_reactor_that_nothing_runs_is_warned_of",
    "awaiting_a_reactor_of_another_thread_is_warned_of",
    "what_waits_for_the_reactor_happens_in_whatever_loop_is_run",
    "what_was_made_before_the_loop_happens_in_it",
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program: str) -> None:
    run_script("silence_script", program)
