"""What ``reactor.stop()`` cancels is not an unhandled error of its Deferred; other failures are."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred, inlineCallbacks

from tests.conftest import LoggedErrors
from tests.contract.worlds import KINDS, Kind, World
from triloop import as_deferred

WITH_REACTOR = [kind for kind in KINDS if kind.has_reactor and kind.loop != "uvloop"]


async def work() -> None:
    await asyncio.sleep(60)


def fail(reason: object) -> None:
    raise LookupError("of the application's own")


@inlineCallbacks
def waits(deferred: Deferred[None]) -> Generator[Any, Any, None]:
    yield deferred


def run_until_stop(world: World, main: Any) -> None:
    def begin() -> None:
        main()
        world.reactor.callLater(0.02, world.reactor.stop)

    world.reactor.callWhenRunning(lambda: world.loop.call_soon(begin))
    world.reactor.run(installSignalHandlers=False)


@pytest.mark.parametrize("kind", WITH_REACTOR, ids=str)
def test_a_cancelled_task_is_not_reported(
    kind: Kind, logged_errors: LoggedErrors, nothing_left: None
) -> None:
    with kind.opened() as world:

        def main() -> None:
            Deferred.fromFuture(world.loop.create_task(work())).addCallback(str)
            waits(Deferred.fromFuture(world.loop.create_task(work())))
            as_deferred(work())
            ensureDeferred(as_deferred_of_work())

        run_until_stop(world, main)
        assert logged_errors.take("") == []


async def as_deferred_of_work() -> None:
    await as_deferred(work())


@pytest.mark.parametrize("kind", WITH_REACTOR, ids=str)
def test_a_real_error_is_reported(
    kind: Kind, logged_errors: LoggedErrors, nothing_left: None
) -> None:
    with kind.opened() as world:

        def main() -> None:
            Deferred.fromFuture(world.loop.create_task(work())).addErrback(fail)

        run_until_stop(world, main)
        assert logged_errors.take("of the application's own")
        assert logged_errors.take("Unhandled error in Deferred")


@pytest.mark.parametrize("kind", WITH_REACTOR, ids=str)
def test_a_task_factory_makes_the_programs_tasks_only(kind: Kind, nothing_left: None) -> None:
    """It may be an eager one, which makes none for a loop that runs nested in another."""
    made: list[Any] = []

    def factory(
        loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    with kind.opened() as world:
        world.loop.set_task_factory(factory)
        run_until_stop(world, lambda: world.loop.create_task(work()))
    # CPython's own steps after a run are such tasks too, as run_until_complete makes them.
    assert {name.partition(".")[0] for name in made} <= {"work", "BaseEventLoop"}
