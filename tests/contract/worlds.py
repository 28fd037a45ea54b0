"""The loops and reactors of the contract tests, and the ways to run them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import twisted.internet
import uvloop
from tornado.ioloop import IOLoop
from tornado.platform.asyncio import AsyncIOLoop, BaseAsyncIOLoop
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.main import installReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.selectreactor import SelectReactor

from tests.hosts import loops as hosts
from triloop import ReactorEventLoop, TornadoReactor, TwistedIOLoop

T = TypeVar("T")
Loop = asyncio.AbstractEventLoop

#: Seconds after which a test gives up.
PATIENCE = 20.0

#: The reactors under a ReactorEventLoop.
REACTORS: dict[str, Callable[[], Any]] = {"poll": PollReactor, "select": SelectReactor}
if sys.platform == "linux":
    from twisted.internet.epollreactor import EPollReactor

    REACTORS = {"epoll": EPollReactor, **REACTORS}

#: The loops that are not guests.
NATIVE_LOOPS: dict[str, Callable[[], Loop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}

#: Reactors that run inside such a loop themselves.
VISITED: dict[str, Callable[[], Any]] = {
    "AsyncioSelectorReactor@asyncio": lambda: AsyncioSelectorReactor(asyncio.new_event_loop()),
    "AsyncioSelectorReactor@uvloop": lambda: AsyncioSelectorReactor(uvloop.new_event_loop()),
}
REACTORS |= VISITED


def _started_by_its_owner() -> Any:
    raise LookupError(f"no function makes the loop of {HOST}: a program of its own starts it")


#: The name of a host, whose loop is tested in place of all these: see tests/hosts/contract.py.
HOST = os.environ.get("TRILOOP_CONTRACT_HOST", "")
if HOST:
    NATIVE_LOOPS = {name: make for name, make in hosts.LOOPS.items() if name == HOST}
    NATIVE_LOOPS |= {name: _started_by_its_owner for name in hosts.OWNERS if name == HOST}
    REACTORS = {name: make for name, make in hosts.REACTORS.items() if name == HOST}
    REACTORS |= {name: _started_by_its_owner for name in hosts.EMBEDDERS if name == HOST}
    VISITED = {}


@dataclass(frozen=True)
class World:
    """Three loops in one thread."""

    loop: Loop
    io_loop: IOLoop
    #: None where nothing but asyncio and Tornado takes part.
    reactor: Any

    def future(self) -> asyncio.Future[Any]:
        """A new Future of this world's loop."""
        return self.loop.create_future()


Main = Callable[[World], Awaitable[T]]


@dataclass(frozen=True)
class Kind:
    """One nesting: a loop, native or on a reactor, and perhaps a TornadoReactor on that."""

    loop: str
    guest_reactor: bool = False

    def __str__(self) -> str:
        return f"TornadoReactor@{self.loop}" if self.guest_reactor else self.loop

    @property
    def on_reactor(self) -> bool:
        """Whether a Twisted reactor owns the thread."""
        return self.loop in REACTORS

    @property
    def visits(self) -> bool:
        """Whether Twisted's callbacks run inside another asyncio loop than the world's."""
        return self.loop in VISITED and not self.guest_reactor

    @property
    def has_reactor(self) -> bool:
        """Whether Twisted takes part."""
        return self.guest_reactor or self.on_reactor

    def make_loop(self) -> Loop:
        """The asyncio loop alone, for programs that make their loops by a factory."""
        if self.on_reactor:
            return ReactorEventLoop(REACTORS[self.loop]())
        return NATIVE_LOOPS[self.loop]()

    def make_io_loop(self) -> BaseAsyncIOLoop:
        """The same with a Tornado IOLoop, which becomes the current one."""
        io_loop: Any
        if self.on_reactor:
            io_loop = TwistedIOLoop(REACTORS[self.loop]()).install()
        else:
            io_loop = AsyncIOLoop(asyncio_loop=self.make_loop(), make_current=True)
        return cast("BaseAsyncIOLoop", io_loop)

    @contextlib.contextmanager
    def opened(self) -> Iterator[World]:
        """A world that was set up before any of its loops runs."""
        with contextlib.ExitStack() as stack:
            io_loop = self.make_io_loop()
            loop: Loop = io_loop.asyncio_loop
            reactor = owner = getattr(loop, "reactor", None)
            if owner is not None:
                stack.callback(discard, owner)
            stack.callback(asyncio.set_event_loop, None)
            stack.callback(io_loop.close)
            if self.guest_reactor:
                reactor = TornadoReactor(io_loop)
                stack.callback(clean_up, reactor)
            stack.callback(end_tasks, loop)
            stack.enter_context(as_global_reactor(reactor))
            yield World(loop, io_loop, reactor)


def end_tasks(loop: Loop) -> None:
    """What ``asyncio.run`` does before it closes a loop."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())


def clean_up(reactor: TornadoReactor) -> None:
    """End a TornadoReactor as its documentation says, and check that nothing is left in it."""
    left = reactor.getDelayedCalls(), reactor.removeAll()
    reactor.fireSystemEvent("shutdown")
    reactor.disconnectAll()
    assert left == ([], []), "the test left this in its reactor"


def discard(reactor: Any) -> None:
    """Close one of Twisted's own reactors, which has no method for that; check that it is empty."""
    _cancel_call_of_stop(reactor)
    calls = reactor.getDelayedCalls()
    readers = reactor.removeAll()
    foreign = []
    reactor.fireSystemEvent("shutdown")
    reactor._signals.uninstall()  # AsyncioSelectorReactor's run does not do that
    for reader in list(reactor._internalReaders):
        if not type(reader).__module__.startswith("twisted."):
            foreign.append(reader)
        reactor.removeReader(reader)
        reader.connectionLost(None)
    reactor._internalReaders.clear()
    if hasattr(reactor, "_poller") and hasattr(reactor._poller, "close"):
        reactor._poller.close()
    if isinstance(reactor, AsyncioSelectorReactor):
        reactor._asyncioEventloop.close()
    assert (calls, readers, foreign) == ([], [], []), "the loop left this in its reactor"


def _cancel_call_of_stop(reactor: Any) -> None:
    """Cancel the call by which AsyncioSelectorReactor wakes itself to stop: it may be left."""
    for call in reactor.getDelayedCalls():
        if call.func.__qualname__.startswith("AsyncioSelectorReactor.stop."):
            call.cancel()


@contextlib.contextmanager
def as_global_reactor(reactor: Any) -> Iterator[None]:
    """Make ``reactor`` the global one: parts of twisted.web use no other."""
    if reactor is None:
        yield
        return
    name = "twisted.internet.reactor"
    before: Any = sys.modules.pop(name, None)
    installReactor(reactor)
    try:
        yield
    finally:
        assert sys.modules.pop(name) is reactor
        del twisted.internet.reactor
        if before is not None:
            sys.modules[name] = before
            twisted.internet.reactor = before


Runner = Callable[[Kind, Main[Any]], Any]

# The ways to run a world. Each makes one, runs `main` in it to its end, and closes all.


def by_run_until_complete(kind: Kind, main: Main[T]) -> T:
    with kind.opened() as world:
        return world.loop.run_until_complete(main(world))


def by_ioloop_start(kind: Kind, main: Main[T]) -> T:
    with kind.opened() as world:
        done = asyncio.Future[T](loop=world.loop)

        async def whole() -> None:
            await settle(done, main(world))
            world.io_loop.stop()

        world.io_loop.add_callback(whole)
        world.io_loop.start()
        return done.result()


def by_reactor_run(kind: Kind, main: Main[T]) -> T:
    with kind.opened() as world:
        done = asyncio.Future[T](loop=world.loop)
        tasks = []

        async def whole() -> None:
            await settle(done, main(world))
            world.reactor.stop()

        world.reactor.callWhenRunning(lambda: tasks.append(world.loop.create_task(whole())))
        in_main = threading.current_thread() is threading.main_thread()
        world.reactor.run(installSignalHandlers=in_main)  # signals belong to that one
        return done.result()


def by_asyncio_run(kind: Kind, main: Main[T]) -> T:
    """``asyncio.run``: the loop is made by a factory, the rest within it."""
    reactors: list[Any] = []

    async def whole() -> T:
        reactor = getattr(asyncio.get_running_loop(), "reactor", None)
        reactors.extend([reactor] if reactor else [])
        return await in_running_loop(kind, main)

    try:
        return run_in_new_loop(kind, whole())
    finally:
        for reactor in reactors:
            discard(reactor)


def by_owner(kind: Kind, main: Main[T]) -> T:
    """The host's own program starts the loop."""
    result: T = (hosts.OWNERS | hosts.EMBEDDERS)[kind.loop](partial(in_running_loop, kind, main))
    return result


async def in_running_loop(kind: Kind, main: Main[T]) -> T:
    """Make a world in the running loop, and run ``main`` in it."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        reactor: Any = getattr(loop, "reactor", None)
        if kind.guest_reactor:
            reactor = stack.enter_context(TornadoReactor())
        stack.enter_context(as_global_reactor(reactor))
        return await main(World(loop, IOLoop.current(), reactor))


def in_thread(run: Runner, kind: Kind, main: Main[T]) -> T:
    """Run a world in another thread than the main one."""
    with ThreadPoolExecutor(1) as pool:
        result: T = pool.submit(run, kind, main).result()
    return result


def run_in_new_loop(kind: Kind, main: Awaitable[T]) -> T:
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=kind.make_loop) as runner:
            return runner.run(main)  # type: ignore[arg-type]
    return asyncio.run(main)


async def settle(future: asyncio.Future[T], result: Awaitable[T]) -> None:
    """Move the outcome of ``result`` to ``future``."""
    try:
        future.set_result(await result)
    except Exception as problem:  # noqa: BLE001 - raised again by the future
        future.set_exception(problem)


RUNNERS: dict[str, Runner] = {
    "run_until_complete": by_run_until_complete,
    "IOLoop.start": by_ioloop_start,
    "asyncio.run": by_asyncio_run,
    "reactor.run": by_reactor_run,
}
if HOST in hosts.OWNERS | hosts.EMBEDDERS:
    RUNNERS = {"owner": by_owner}
elif HOST == "thread":
    RUNNERS = {name: partial(in_thread, run) for name, run in RUNNERS.items()}


@dataclass(frozen=True)
class Stage:
    """A kind of world and the way it is run."""

    kind: Kind
    runner: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.runner}"

    @property
    def possible(self) -> bool:
        """Whether this combination exists."""
        if self.runner == "reactor.run":
            return self.kind.has_reactor
        if self.runner == "asyncio.run" and sys.version_info < (3, 11):
            return self.kind.loop == "asyncio"  # loop factories are younger
        return True

    def play(self, main: Main[T], *, patience: float = PATIENCE) -> T:
        """Run ``main`` to its end in a world of its own.

        Args:
            patience: Seconds it may take.
        """

        async def patient(world: World) -> T:
            return await asyncio.wait_for(main(world), patience)

        result: T = RUNNERS[self.runner](self.kind, patient)
        return result


ALL_LOOPS = [*NATIVE_LOOPS, *REACTORS]
KINDS = [
    *(Kind(loop) for loop in ALL_LOOPS),
    *(Kind(loop, guest_reactor=True) for loop in ALL_LOOPS if loop not in VISITED),
]
ALL_STAGES = [
    stage for kind in KINDS for runner in RUNNERS if (stage := Stage(kind, runner)).possible
]
NATIVE_STAGES = [stage for stage in ALL_STAGES if not stage.kind.has_reactor]
#: Those in which Twisted takes part.
STAGES = [stage for stage in ALL_STAGES if stage.kind.has_reactor]
#: Those in which Twisted is a guest.
GUEST_REACTOR_STAGES = [stage for stage in STAGES if stage.kind.guest_reactor]
#: The same if they are those of a chosen host, otherwise none.
HOST_STAGES = STAGES if HOST else []
