"""Twisted, asyncio and Tornado all learn of the end of their children, in one process."""

from __future__ import annotations

import pytest

from tests.interop.scripts import run_script
from tests.interop.stages import COMBINATIONS

ON_EPOLL = [("epoll", "run_until_complete"), ("epoll", "asyncio.run"), ("epoll", "reactor.run")]


@pytest.mark.parametrize(("stack", "runner"), COMBINATIONS)
def test_each_world_learns_of_its_children(stack: str, runner: str) -> None:
    run_script("children_script", stack, runner)


@pytest.mark.parametrize("stack", ["asyncio", "uvloop", "stacked"])
def test_children_without_pidfd(stack: str) -> None:
    run_script("children_script", stack, "reactor.run", "without pidfd")


@pytest.mark.parametrize("stack", ["asyncio", "uvloop"])
def test_exit_statuses_survive_a_sigchld_that_was_ignored(stack: str) -> None:
    run_script("children_script", stack, "reactor.run", "SIGCHLD ignored")


@pytest.mark.parametrize(("stack", "runner"), [("asyncio", "IOLoop.start"), *ON_EPOLL])
def test_twisted_alone_learns_of_its_children(stack: str, runner: str) -> None:
    run_script("children_script", stack, runner, "Twisted alone")
