"""Reactors that start with a loop, however the loop is run."""

from __future__ import annotations

import pytest

from tests.interop.scripts import run_script

PROGRAMS = [
    "a_loop_that_was_never_current_has_what_waits_for_the_reactor",
    "reactor_run_goes_on_where_its_loop_has_left_it",
    "reactor_run_goes_on_though_the_current_loop_is_closed",
    "a_block_in_a_task_does_not_end_the_run_of_the_reactor",
    "run_ends_a_reactor_that_was_installed_on_its_loop",
    "work_for_a_loop_is_warned_of_when_another_one_runs",
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program: str) -> None:
    run_script("starting_script", program)
