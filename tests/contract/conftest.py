"""The contract's worlds as fixtures; each test must leave the process as it found it."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.contract.certificates import Certificate
from tests.contract.worlds import NATIVE_LOOPS, NATIVE_STAGES, STAGES, Stage


async def _start_thread() -> None:
    await asyncio.get_running_loop().run_in_executor(None, int)


@pytest.fixture(autouse=True, scope="session")
def _gui_is_open() -> None:
    """Have the loop of a GUI open what it opens once in a process."""
    if "TRILOOP_CONTRACT_LOOP" in os.environ:
        (make_loop,) = NATIVE_LOOPS.values()
        loop = make_loop()
        loop.run_until_complete(_start_thread())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@pytest.fixture(autouse=True)
def _strict(nothing_left: None, logged_errors: object) -> None:
    """Every test of the contract fails on errors that were only logged, and on leaks."""


@pytest.fixture(params=STAGES, ids=str)
def stage(request: pytest.FixtureRequest) -> Stage:
    """Every world with Twisted in it, and every way to run it."""
    chosen: Stage = request.param
    return chosen


@pytest.fixture(params=NATIVE_STAGES, ids=str)
def native_stage(request: pytest.FixtureRequest) -> Stage:
    """The native loops, without Twisted: the oracles."""
    chosen: Stage = request.param
    return chosen


@pytest.fixture(params=[*NATIVE_STAGES, *STAGES], ids=str)
def any_stage(request: pytest.FixtureRequest) -> Stage:
    """Every world, including the native ones."""
    chosen: Stage = request.param
    return chosen


@pytest.fixture(scope="session")
def certificate() -> Certificate:
    """A certificate for localhost, made now."""
    return Certificate()
