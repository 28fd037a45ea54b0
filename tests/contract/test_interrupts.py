"""KeyboardInterrupt and SystemExit, raised in any callback, leave through the call that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.contract.test_scheduling import WAYS, by_datagram
from tests.contract.worlds import GUEST_REACTOR_STAGES, KINDS, PATIENCE, STAGES, Kind, Stage, World

if TYPE_CHECKING:
    from tests.conftest import LoggedErrors

EXCEPTIONS = [KeyboardInterrupt, SystemExit]
ASYNCIO_WAYS = [way for way in WAYS if way.startswith(("loop.", "io_loop."))]
TWISTED_WAYS = ["reactor.callLater", "reactor.callFromThread", "reactor.addReader"]


def raiser(exception: type[BaseException]) -> Callable[[], None]:
    def throw() -> None:
        raise exception(7)

    return throw


def leaves_through(stage: Stage, way: str, exception: type[BaseException]) -> bool:
    async def main(world: World) -> None:
        WAYS[way](world, raiser(exception))
        await asyncio.sleep(PATIENCE)

    try:
        stage.play(main)
    except exception as left:
        return left.args == (7,)
    return False


@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_out_of_asyncio_and_tornado_callbacks(
    any_stage: Stage, exception: type[BaseException], logged_errors: LoggedErrors
) -> None:
    left = {way: leaves_through(any_stage, way, exception) for way in ASYNCIO_WAYS}
    assert left == dict.fromkeys(ASYNCIO_WAYS, True)
    # Nothing awaits the task that raised, and asyncio reports that, on native loops too.
    logged_errors.take("Task exception was never retrieved")


@pytest.mark.parametrize("stage", GUEST_REACTOR_STAGES, ids=str)
@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_out_of_twisted_callbacks(stage: Stage, exception: type[BaseException]) -> None:
    left = {way: leaves_through(stage, way, exception) for way in TWISTED_WAYS}
    assert left == dict.fromkeys(TWISTED_WAYS, True)


@pytest.mark.parametrize("exception", EXCEPTIONS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.has_reactor], ids=str)
def test_world_goes_on_when_it_is_run_again(
    kind: Kind, exception: type[BaseException], logged_errors: LoggedErrors
) -> None:
    """The guest and its descriptors are still connected."""
    ways = [*ASYNCIO_WAYS, *(TWISTED_WAYS if kind.guest_reactor else [])]

    async def everything_works(world: World) -> None:
        for way in WAYS.values():
            called = world.future()
            way(world, partial(called.set_result, None))
            await asyncio.wait_for(called, PATIENCE)

    with kind.opened() as world:
        for way in ways:
            world.loop.call_soon(WAYS[way], world, raiser(exception))
            with pytest.raises(exception):
                world.loop.run_until_complete(asyncio.sleep(PATIENCE))
            world.loop.run_until_complete(everything_works(world))
    logged_errors.take("Task exception was never retrieved")


@pytest.mark.parametrize("stage", STAGES, ids=str)
def test_other_errors_are_logged_and_all_goes_on(stage: Stage, logged_errors: LoggedErrors) -> None:
    async def main(world: World) -> None:
        for way in (*ASYNCIO_WAYS, *TWISTED_WAYS):
            WAYS[way](world, raiser(ZeroDivisionError))
        await asyncio.sleep(0.02)
        called = world.future()
        by_datagram(world, lambda: called.set_result(None))
        await called

    stage.play(main)
    taken = logged_errors.take("ZeroDivisionError")
    assert len(taken) == len(ASYNCIO_WAYS) + len(TWISTED_WAYS)
