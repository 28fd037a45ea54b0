"""What asyncio has since Python 3.11, on every loop: runners, eager tasks, call graphs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.task import deferLater

import triloop
from tests.contract.worlds import KINDS, Kind, discard

pytestmark = pytest.mark.usefixtures("nothing_left")

Loop = asyncio.AbstractEventLoop
LoopFactory = Callable[[], Loop]

#: Types are checked as of an older Python.
newer: Any = asyncio


@pytest.fixture(params=[kind for kind in KINDS if not kind.guest_reactor], ids=str)
def make_loop(request: pytest.FixtureRequest) -> Iterator[LoopFactory]:
    """Makes loops of one kind; the reactors beneath them are discarded at the end."""
    kind: Kind = request.param
    made: list[Loop] = []

    def make() -> Loop:
        made.append(kind.make_loop())
        return made[-1]

    yield make
    for loop in made:
        loop.close()
        if isinstance(loop, triloop.ReactorEventLoop):
            discard(loop.reactor)


async def twisted_waits() -> str:
    """Use Twisted inside the running loop, or the reactor that the loop is in."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, triloop.ReactorEventLoop):
        return await triloop.as_future(deferLater(loop.reactor, 0, lambda: "waited"))
    with triloop.TornadoReactor() as reactor:
        return await triloop.as_future(deferLater(reactor, 0, lambda: "waited"))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.Runner is new in Python 3.11")
def test_one_runner_runs_again_and_again(make_loop: LoopFactory) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert [runner.run(twisted_waits()) for _ in range(3)] == ["waited"] * 3
        assert runner.run(asyncio.to_thread(int, "7")) == 7


@pytest.mark.skipif(sys.version_info < (3, 12), reason="run(loop_factory=) is new in Python 3.12")
def test_run_takes_a_loop_factory(make_loop: LoopFactory) -> None:
    assert newer.run(twisted_waits(), loop_factory=make_loop) == "waited"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in Python 3.12")
def test_eager_tasks_begin_at_once(make_loop: LoopFactory) -> None:
    order: list[str] = []

    async def step(name: str, *, wait: bool) -> str:
        order.append(name)
        if wait:
            await asyncio.sleep(0)
            order.append(f"{name} again")
        return await twisted_waits()

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        # Called directly: uvloop's create_task ignores it.
        tasks = [newer.eager_task_factory(loop, step(name, wait=name == "a")) for name in "ab"]
        order.append("made")
        results: list[str] = await asyncio.gather(*tasks)
        return results

    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert runner.run(main()) == ["waited", "waited"]
    assert order == ["a", "b", "made", "a again"]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="call graphs are new in Python 3.14")
def test_call_graph_shows_who_awaits(make_loop: LoopFactory) -> None:
    async def inner() -> Any:
        return newer.capture_call_graph()

    async def outer() -> Any:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(inner(), name="inner")
        return task.result()

    with asyncio.Runner(loop_factory=make_loop) as runner:
        graph = runner.run(outer())
    assert graph.future.get_name() == "inner"
    (waiter,) = graph.awaited_by
    assert [entry.frame.f_code.co_name for entry in waiter.call_stack][-1] == "outer"
