"""Callbacks of all worlds: the running loop, the context, the order and the fairness."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tornado.ioloop import IOLoop
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import DatagramProtocol
from zope.interface import implementer

from tests.contract.worlds import GUEST_REACTOR_STAGES, STAGES, Stage, World
from triloop import ReactorEventLoop, TornadoReactor

Call = Callable[[], object]


def by_datagram(world: World, call: Call) -> None:
    """Have Twisted read something."""

    class Receiver(DatagramProtocol):
        def datagramReceived(self, datagram: bytes, addr: object) -> None:
            port.stopListening()
            call()

    port = world.reactor.listenUDP(0, Receiver(), interface="127.0.0.1")
    port.write(b"x", ("127.0.0.1", port.getHost().port))


@implementer(IReadDescriptor)
class Reader:
    """Calls a function when Twisted finds a byte to read."""

    def __init__(self, world: World, call: Call) -> None:
        self._reactor = world.reactor
        self._call = call
        self._here, there = socket.socketpair()
        there.send(b"x")
        there.close()
        self._reactor.addReader(self)

    def fileno(self) -> int:
        return self._here.fileno()

    def logPrefix(self) -> str:
        return "reader"

    def doRead(self) -> None:
        self._reactor.removeReader(self)
        self._here.close()
        self._call()

    def connectionLost(self, reason: object) -> None:
        """Called when doRead raises an exception that Twisted logs."""


def by_reader(world: World, call: Call) -> None:
    """Have asyncio read something."""
    here, there = socket.socketpair()

    def readable() -> None:
        world.loop.remove_reader(here)
        here.close()
        there.close()
        call()

    world.loop.add_reader(here, readable)
    there.send(b"x")


async def _task(call: Call) -> None:
    await asyncio.sleep(0)
    call()


#: Ways to have something called soon.
WAYS: dict[str, Callable[[World, Call], object]] = {
    "reactor.callLater": lambda world, call: world.reactor.callLater(0, call),
    "reactor.callFromThread": lambda world, call: world.reactor.callFromThread(call),
    "reactor.callWhenRunning": lambda world, call: world.reactor.callWhenRunning(call),
    "datagramReceived": by_datagram,
    "reactor.addReader": Reader,
    "loop.call_soon": lambda world, call: world.loop.call_soon(call),
    "loop.call_later": lambda world, call: world.loop.call_later(0.001, call),
    "loop.create_task": lambda world, call: world.loop.create_task(_task(call)),
    "loop.add_reader": by_reader,
    "io_loop.add_callback": lambda world, call: world.io_loop.add_callback(call),
    "io_loop.call_later": lambda world, call: world.io_loop.call_later(0.001, call),
}


def start_looking(world: World, found: asyncio.Future[bool]) -> None:
    """Start a task, in a callback of any world, that looks for the running loops."""

    async def look() -> None:
        right = asyncio.get_running_loop() is world.loop
        found.set_result(right and IOLoop.current() is world.io_loop)

    task = asyncio.ensure_future(look())
    found.add_done_callback(lambda _: task)


def test_all_callbacks_find_the_running_loop(stage: Stage) -> None:
    async def main(world: World) -> dict[str, bool]:
        found = {}
        for way, have_called in WAYS.items():
            called = world.future()
            have_called(world, partial(start_looking, world, called))
            found[way] = await called
        return found

    # In a running reactor callWhenRunning calls at once: within the loop's turn.
    own = [*KEEPING, "reactor.callWhenRunning"] if stage.kind.visits else WAYS
    assert stage.play(main) == {way: way in own for way in WAYS}


def test_owner_of_the_thread_finds_the_running_loop(stage: Stage) -> None:
    """Also when it is a native reactor below a loop below a reactor."""

    async def main(world: World) -> bool:
        owner = getattr(world.loop, "reactor", world.reactor)
        wanted = owner._asyncioEventloop if stage.kind.visits else world.loop
        called = world.future()
        owner.callLater(0, lambda: called.set_result(asyncio.get_running_loop()))
        return await called is wanted

    assert stage.play(main)


def test_loop_in_a_reactor_in_a_loop_runs_in_its_turns_only() -> None:
    outer = asyncio.new_event_loop()
    with TornadoReactor(outer) as reactor:
        inner = ReactorEventLoop(reactor)
        seen = []

        async def look(rounds: int) -> None:
            for _ in range(rounds):
                seen.append(asyncio.get_running_loop())
                await asyncio.sleep(0.001)

        async def main() -> None:
            inside = outer.create_future()
            task = inner.create_task(look(10))
            task.add_done_callback(lambda _: inside.set_result(None))
            await look(10)
            await inside

        outer.run_until_complete(main())
        assert (seen.count(outer), seen.count(inner)) == (10, 10)
        inner.close()
    outer.close()


var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="none")


def in_context_of(value: str, call: Callable[[], Any]) -> Any:
    context = contextvars.copy_context()
    context.run(var.set, value)
    return context.run(call)


KEEPING = [way for way in WAYS if way.startswith(("loop.", "io_loop."))]


def test_asyncio_and_tornado_callbacks_keep_their_context(any_stage: Stage) -> None:
    async def main(world: World) -> dict[str, str]:
        found = {}
        for way in KEEPING:
            called = world.future()
            have_called = WAYS[way]
            in_context_of(
                way,
                lambda: have_called(world, lambda: called.set_result(var.get())),  # noqa: B023 - called at once
            )
            found[way] = await called
            assert var.get() == "none"
        return found

    assert any_stage.play(main) == {way: way for way in KEEPING}


@pytest.mark.parametrize("stage", GUEST_REACTOR_STAGES, ids=str)
def test_delayed_calls_keep_their_context(stage: Stage) -> None:
    async def main(world: World) -> dict[str, str]:
        found: dict[str, str] = {}
        done = world.future()

        def expired(name: str) -> None:
            found[name] = var.get()
            var.set("spoiled")
            if len(found) == 4:
                done.set_result(None)

        def make(name: str, delay: float) -> Any:
            return in_context_of(name, lambda: world.reactor.callLater(delay, expired, name))

        make("plain", 0.001)
        sooner = make("sooner", 5)
        in_context_of("other", lambda: sooner.reset(0.002))
        later = make("later", 0)
        in_context_of("other", lambda: later.delay(0.003))
        make("last", 0.006)
        await done
        return found

    expected = {name: name for name in ("plain", "sooner", "later", "last")}
    assert stage.play(main) == expected


IN_ORDER = [
    "reactor.callLater",
    "reactor.callFromThread",
    "loop.call_soon",
    "loop.create_task",
    "io_loop.add_callback",
]


def test_calls_of_one_world_come_in_order(stage: Stage) -> None:
    async def main(world: World) -> dict[str, list[int]]:
        found = {}
        for way in IN_ORDER:
            order: list[int] = []
            done = world.future()
            for number in range(200):
                WAYS[way](world, partial(order.append, number))
            WAYS[way](world, partial(done.set_result, None))
            await done
            found[way] = order
        return found

    assert stage.play(main) == {way: list(range(200)) for way in IN_ORDER}


async def order_of_timers(world: World) -> list[int]:
    """Timers of all worlds, made in the reverse of the order in which they are due."""
    order: list[int] = []
    done = world.future()
    timers = itertools.cycle(
        [world.loop.call_later, world.reactor.callLater, world.io_loop.call_later]
    )
    for number, later in zip(range(9), timers, strict=False):
        later(0.005 * (9 - number), order.append, number)
    world.loop.call_later(0.055, done.set_result, None)
    await done
    return order


def test_timers_of_all_worlds_expire_in_the_order_of_time(stage: Stage) -> None:
    """On a busy machine late timers may come world by world; a wrong order would come each time."""

    async def main(world: World) -> bool:
        for _ in range(10):
            if await order_of_timers(world) == list(reversed(range(9))):
                return True
        return False

    assert stage.play(main)


def test_no_timer_expires_early(stage: Stage) -> None:
    async def main(world: World) -> list[float]:
        waited = []
        for later in (world.loop.call_later, world.reactor.callLater, world.io_loop.call_later):
            for delay in (0.0, 0.001, 0.0105):
                done = world.future()
                before = world.loop.time()
                later(delay, done.set_result, None)
                await done
                waited.append(world.loop.time() - before - delay)
        return waited

    # A tick of uvloop's clock is a millisecond.
    assert min(stage.play(main)) > -0.0011


class Busy:
    """Keeps one world busy for ever, until it is told to stop."""

    def __init__(self, world: World, way: str) -> None:
        self._world = world
        self._way = way
        self._going = True
        self.rounds = 0
        self._again()

    def _again(self) -> None:
        self.rounds += 1
        if self._going:
            WAYS[self._way](self._world, self._again)

    def stop(self) -> None:
        self._going = False


BUSY_WAYS = [way for way in WAYS if way != "reactor.callWhenRunning"]
BEATS = 5


async def beats(world: World, later: Callable[..., object]) -> None:
    """Some short timers of one world, one after the other."""
    for _ in range(BEATS):
        done = world.future()
        later(0.001, done.set_result, None)
        await done


@pytest.mark.parametrize("stage", STAGES, ids=str)
def test_busy_world_does_not_starve_the_others(stage: Stage) -> None:
    """Measured in CPU seconds, which do not depend on how busy the machine is."""

    async def main(world: World) -> dict[str, tuple[float, int]]:
        taken = {}
        for way in BUSY_WAYS:
            before = time.process_time()
            busy = Busy(world, way)
            for later in (world.loop.call_later, world.reactor.callLater, world.io_loop.call_later):
                await beats(world, later)
            busy.stop()
            await asyncio.sleep(0.003)  # until its last call has come
            taken[way] = time.process_time() - before, busy.rounds
        return taken

    for way, (seconds, rounds) in stage.play(main).items():
        assert seconds < 1.0, (way, seconds)
        assert rounds > BEATS, (way, rounds)
