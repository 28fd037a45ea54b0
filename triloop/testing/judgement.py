"""Runs a test in its loop, and says what it leaves behind."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import deferLater

from triloop.awaitables import as_future
from triloop.testing.leftovers import (
    Found,
    discard,
    in_loop,
    in_process,
    in_reactor,
    new_since,
)
from triloop.testing.unheard import telling

__all__ = ["Outcome", "fail_on", "held", "run_judged", "take_turns"]

#: Turns that the end of a test may take: what is closed by then is not left behind.
_TURNS = 5


class Outcome:
    """How a test ended.

    Attributes:
        error: What it has raised.
        left: A line for each thing that it left behind.
        is_abandoned: Whether its run has ended before the test: there is nothing to judge.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.left: list[str] = []
        self.is_abandoned = False

    def report(self, item: pytest.Item) -> None:
        """Raise the error of the test, or fail on what it has left."""
        if self.error is None:
            fail_on("the test", self.left)
            return
        if self.left:
            item.add_report_section("call", "triloop", "\n".join(_report("the test", self.left)))
        raise self.error

    async def take(self, test: Callable[..., Any], arguments: dict[str, Any]) -> None:
        """Run the test, and note what it raises."""
        try:
            result = test(**arguments)
            if inspect.isawaitable(result):
                await as_future(result)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as problem:  # noqa: BLE001 - the test's own, pytest's outcomes too
            self.error = self.error or problem


def fail_on(name: str, left: list[str]) -> None:
    """Fail if there is anything left."""
    if left:
        pytest.fail("\n".join(_report(name, left)), pytrace=False)


def _report(name: str, left: list[str]) -> list[str]:
    return [f"{name} left behind:", *left]


def held(reactor: Any) -> Found:
    """Find what the reactor and the process have at present."""
    return {**in_reactor(reactor), **in_process(reactor)}


async def run_judged(
    reactor: Any, outcome: Outcome, test: Callable[..., Any], arguments: dict[str, Any]
) -> None:
    """Run a test; what it leaves behind is taken away.

    Args:
        reactor: The reactor that runs with the loop.
        outcome: Tells how the test ends.
        test: Returns nothing, or what can be awaited.
        arguments: Its own.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def interrupt(reason: BaseException) -> None:
        outcome.error = reason
        task.cancel()

    before = {**in_loop(loop), **held(reactor)}
    with telling(loop, outcome.left, interrupt):
        await outcome.take(test, arguments)
        if outcome.is_abandoned:
            return
        if new_since(before, {**in_loop(loop), **held(reactor)}):
            await take_turns(reactor)
    outcome.left += (await _taken_away(reactor, before)).values()


async def _taken_away(reactor: Any, before: Found) -> Found:
    """Find what is there and was not before, and end it."""
    loop = asyncio.get_running_loop()
    left = new_since(before, {**in_loop(loop), **in_reactor(reactor)})
    for task in asyncio.all_tasks(loop) & left.keys():
        task.cancel()
    await loop.shutdown_default_executor()
    left.update(new_since(before, in_process(reactor)))
    discard(reactor, left)
    return left


async def take_turns(reactor: Any) -> None:
    """Let the reactor and the loop do what is due."""
    for _ in range(_TURNS):
        await as_future(deferLater(reactor, 0))
        await asyncio.sleep(0)
