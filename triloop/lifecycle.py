"""The life of a reactor: attached to a loop that runs, run with one of its own, ended."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar, cast

from twisted.internet.error import (
    ReactorAlreadyRunning,
    ReactorNotRestartable,
    ReactorNotRunning,
)

import triloop.fork  # noqa: F401 - prepares this process for os.fork
from triloop.adapters.eventloop import ReactorEventLoop
from triloop.adapters.reactor import TornadoReactor, install
from triloop.ending import run_through, wind_down

__all__ = ["TABLE", "Event", "Phase", "attached", "enter", "phase_of", "run", "table_text"]

T = TypeVar("T")


class Phase(enum.Enum):
    """Where a reactor stands."""

    RESTING = "resting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class Event(enum.Enum):
    """What may be done to a reactor."""

    RUN = "run()"
    RUN_RESTARTABLE = "run(), if restartable"
    ATTACH = "attached(), on entering"
    LEAVE = "attached(), on leaving: the last block, if the first one started it"
    STOP = "stop()"
    CRASH = "crash()"
    SHUT_DOWN = 'fireSystemEvent("shutdown")'


#: What each event does in each phase: the phase it leads to, or the error that it is.
TABLE: Final[dict[Phase, dict[Event, Phase | type[Exception]]]] = {
    Phase.RESTING: {
        Event.RUN: Phase.RUNNING,
        Event.RUN_RESTARTABLE: Phase.RUNNING,
        Event.ATTACH: Phase.RUNNING,
        Event.LEAVE: Phase.RESTING,
        Event.STOP: ReactorNotRunning,
        Event.CRASH: Phase.RESTING,
        Event.SHUT_DOWN: Phase.RESTING,
    },
    Phase.RUNNING: {
        Event.RUN: ReactorAlreadyRunning,
        Event.RUN_RESTARTABLE: ReactorAlreadyRunning,
        Event.ATTACH: Phase.RUNNING,
        Event.LEAVE: Phase.RESTING,
        Event.STOP: Phase.STOPPING,
        Event.CRASH: Phase.RESTING,
        Event.SHUT_DOWN: Phase.RESTING,
    },
    Phase.STOPPING: {
        Event.RUN: ReactorAlreadyRunning,
        Event.RUN_RESTARTABLE: ReactorAlreadyRunning,
        Event.ATTACH: RuntimeError,
        Event.LEAVE: Phase.RESTING,
        Event.STOP: ReactorNotRunning,
        Event.CRASH: Phase.ENDED,
        Event.SHUT_DOWN: Phase.ENDED,
    },
    Phase.ENDED: {
        Event.RUN: ReactorNotRestartable,
        Event.RUN_RESTARTABLE: Phase.RUNNING,
        Event.ATTACH: Phase.RUNNING,
        Event.LEAVE: Phase.RESTING,
        Event.STOP: ReactorNotRunning,
        Event.CRASH: Phase.ENDED,
        Event.SHUT_DOWN: Phase.ENDED,
    },
}


def table_text() -> list[list[str]]:
    """The table in words: a line of the phases, then one for each event."""
    lines = [["", *(phase.value for phase in TABLE)]]
    for event in Event:
        outcomes = [TABLE[phase][event] for phase in TABLE]
        cells = [one.value if isinstance(one, Phase) else one.__name__ for one in outcomes]
        lines.append([event.value, *cells])
    return lines


def phase_of(reactor: Any) -> Phase:
    """Where ``reactor`` stands, by what Twisted itself remembers of it."""
    if reactor._startedBefore:
        return Phase.STOPPING if reactor._started else Phase.ENDED
    return Phase.RUNNING if reactor._started else Phase.RESTING


@contextlib.asynccontextmanager
async def attached() -> AsyncIterator[Any]:
    """Run the global reactor inside the running loop for as long as the block lasts.

    ::

        async with triloop.attached() as reactor:
            port = reactor.listenTCP(8007, factory)

    It is installed if there is none. Its startup events have fired when the block begins. When
    the last of the blocks that use it ends, its shutdown triggers are fired and waited for, its
    threads are joined, what was left open is closed, and it may be attached again, to this or
    to another loop.

    :returns: the reactor.
    :raises RuntimeError: when the global reactor runs in another loop, is about to stop, or is
        not one of Triloop's.
    """
    reactor = _global_reactor()
    if not isinstance(reactor, TornadoReactor):
        yield reactor
        return
    await enter(reactor)
    try:
        yield reactor
    finally:
        await reactor.stay.leave()


def _global_reactor() -> Any:
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is None:
        return install()
    loop = asyncio.get_running_loop()
    if isinstance(reactor, TornadoReactor):
        return reactor
    if isinstance(loop, ReactorEventLoop) and loop.reactor is reactor:
        return reactor  # it owns this loop, and runs
    raise RuntimeError(
        f"the global reactor is {reactor!r}, which cannot run inside {loop!r}: call "
        "triloop.install() before anything imports twisted.internet.reactor"
    )


async def enter(reactor: TornadoReactor) -> None:
    """Become a user of ``reactor`` in the running loop; back when its startup events have fired.

    An end that is under way, because the last user before has left, is waited for.

    :raises RuntimeError: when it runs in another loop, or is about to stop for another reason.
    """
    await reactor.stay.over()
    if TABLE[phase_of(reactor)][Event.ATTACH] is RuntimeError:
        raise RuntimeError("this reactor is about to stop: wait for that before attaching it again")
    reactor.stay.enter()
    started = asyncio.get_running_loop().create_future()
    reactor.callWhenRunning(_resolve, started)
    try:
        await started
    except BaseException:
        await reactor.stay.leave()
        raise


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def run(
    main: Coroutine[Any, Any, T],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    debug: bool | None = None,
) -> T | None:
    """As :func:`asyncio.run`, with the global reactor attached from the beginning to the end.

    The end comes when ``main`` returns or raises, by ``reactor.stop()`` or SIGTERM (``main`` is
    cancelled), or by SIGINT (``main`` is cancelled, and KeyboardInterrupt raised). Always, and in
    this order: tasks are cancelled and awaited, asynchronous generators closed, the default
    executor shut down, the reactor's shutdown triggers fired, its thread pool joined, the loop
    closed. A reactor of Twisted's own, in which a loop of ``loop_factory`` may live, can be stopped
    only once: its end comes when the interpreter exits.

    :param main: the coroutine to run.
    :param loop_factory: makes the loop; None: the default one's.
    :param debug: the loop's debug mode; None leaves it as it is.
    :returns: what ``main`` returns; None when ``reactor.stop()`` or SIGTERM ended it.
    :raises RuntimeError: within a running loop.
    """
    if asyncio._get_running_loop() is not None:
        main.close()
        raise RuntimeError(
            "triloop.run() cannot be called from a running event loop: use "
            "`async with triloop.attached()` there"
        )
    loop = (loop_factory or asyncio.new_event_loop)()
    if debug is not None:
        loop.set_debug(debug)
    asyncio.set_event_loop(loop)
    try:
        return _run_in(loop, main)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _run_in(loop: asyncio.AbstractEventLoop, main: Coroutine[Any, Any, T]) -> T | None:
    reactor: Any = None
    with contextlib.ExitStack() as ending:
        try:
            reactor = loop.run_until_complete(_entered())
        except BaseException:
            main.close()
            raise
        # The last to be pushed is the first to be done.
        if isinstance(reactor, TornadoReactor):
            ending.callback(lambda: run_through(loop, reactor.stay.leave()))
        ending.callback(wind_down, loop)
        return cast("T | None", _Main(loop.create_task(main), loop, reactor).run())


async def _entered() -> Any:
    reactor = _global_reactor()
    if isinstance(reactor, TornadoReactor):
        await enter(reactor)
    return reactor


class _Main:
    """The task that a loop is run for, and the ways it may be made to end."""

    def __init__(
        self, task: asyncio.Task[T], loop: asyncio.AbstractEventLoop, reactor: Any
    ) -> None:
        self._task = task
        self._loop = loop
        self._reactor = reactor
        self._interrupted = False
        self._stopped = False

    def run(self) -> Any:
        """Run the task; see :func:`run` for its result."""
        with self._signals(), self._reactor_stops():
            return self._run()

    def _run(self) -> Any:
        try:
            return self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            if self._interrupted:
                raise KeyboardInterrupt from None
            if self._stopped:
                return None
            raise

    def _stop(self) -> None:
        self._stopped = True
        self._task.cancel()

    def _interrupt(self, number: int, frame: object) -> None:
        if self._interrupted or self._task.done():
            raise KeyboardInterrupt
        self._interrupted = True
        self._task.cancel()
        # It may be the poller that was interrupted: have the loop look at its tasks.
        self._loop.call_soon_threadsafe(lambda: None)

    def _terminate(self, number: int, frame: object) -> None:
        self._loop.call_soon_threadsafe(self._stop)

    @contextlib.contextmanager
    def _reactor_stops(self) -> Iterator[None]:
        """``reactor.stop()`` ends the task; the end of the reactor comes in its turn."""
        if isinstance(self._reactor, TornadoReactor):
            self._reactor.on_stop = self._stop
            yield
            return
        stop = self._reactor.stop = self._stop
        try:
            yield
        finally:
            if self._reactor.__dict__.get("stop") is stop:
                del self._reactor.stop

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the task, where nobody else has a handler for them."""
        wanted = {
            signal.SIGINT: (signal.default_int_handler, self._interrupt),
            signal.SIGTERM: (signal.SIG_DFL, self._terminate),
        }
        set_here = {}
        if threading.current_thread() is threading.main_thread():
            for number, (default, handler) in wanted.items():
                if signal.getsignal(number) == default:
                    set_here[number] = default, handler
                    signal.signal(number, handler)
        try:
            yield
        finally:
            for number, (default, handler) in set_here.items():
                if signal.getsignal(number) == handler:
                    signal.signal(number, default)
