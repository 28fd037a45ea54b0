"""Python 3.16 has no event loop policies; programs run without them."""

from __future__ import annotations

import sys

import pytest

from tests.interop.scripts import run_script

PROGRAMS = [
    ("asyncio", "triloop.run"),
    ("asyncio", "asyncio.run"),
    ("asyncio", "reactor.run"),
    ("uvloop", "IOLoop.start"),
    ("epoll", "run_until_complete"),
    ("epoll", "IOLoop.start"),
    ("select", "reactor.run"),
]


@pytest.mark.skipif(
    not (3, 14) <= sys.version_info < (3, 16),
    reason="earlier ones need their policies, later ones have none to remove",
)
@pytest.mark.parametrize(("stack", "runner"), PROGRAMS)
def test_program_runs_without_policies(stack: str, runner: str) -> None:
    run_script("without_policies_script", stack, runner)
