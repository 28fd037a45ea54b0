"""The contract's worlds as fixtures; each test must leave the process as it found it."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.certificates import Certificate
from tests.contract.worlds import ALL_STAGES, HOST, NATIVE_STAGES, STAGES, Stage, World
from tests.hosts.contract import exemptions


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that take the loop of the chosen host, and mark its exemptions."""
    if not HOST:
        return
    config.hook.pytest_deselected(items=[item for item in items if not _takes_the_loop(item)])
    items[:] = [item for item in items if _takes_the_loop(item)]
    for item in items:
        for exempt in exemptions(HOST, item.name):
            item.add_marker(pytest.mark.xfail(reason=exempt.reason, run=exempt.run))


def _takes_the_loop(item: pytest.Item) -> bool:
    """Whether the loop of the chosen host is one of a test's parameters."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    kinds = [getattr(value, "kind", value) for value in parameters]
    return any(getattr(kind, "loop", kind) == HOST for kind in kinds)


@pytest.fixture(autouse=True, scope="session")
def _host_is_open() -> None:
    """Have the loop of a host open what it opens once in a process."""

    async def start_thread(world: World) -> None:
        await world.loop.run_in_executor(None, int)

    if HOST:
        asyncio.set_event_loop(None)  # or Python before 3.12 makes one at the first use
        ALL_STAGES[0].play(start_thread)


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
