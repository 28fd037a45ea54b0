"""Twisted attached to a loop that runs: each program in a process of its own."""

from __future__ import annotations

import pytest

from tests.interop.scripts import run_script

PROGRAMS = [
    "everything_works_at_once",
    "attaches_to_one_loop_after_another",
    "nested_and_concurrent_use_is_counted",
    "a_block_may_begin_while_the_last_one_ends",
    "leaving_is_not_broken_off",
    "first_use_attaches",
    "a_stopped_reactor_leaves_the_loop_alone",
    "run_says_what_to_do_instead",
    "another_loop_is_told_of_both",
    "ended_and_run_again",
    "a_stop_ends_what_asyncio_has_and_the_loop_may_be_run_again",
    "runs_to_a_result",
    "cycles_leak_nothing",
]

SERVERS = ["works_in_uvicorn", "works_in_a_tornado_handler"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program: str) -> None:
    run_script("attached_script", program)


@pytest.mark.parametrize("program", SERVERS)
def test_server_of_another_library(program: str) -> None:
    run_script("attached_servers_script", program)
