"""The ways in which the three worlds can share one process, for scripts in their own process.

A *stack* says which loop is the guest of which, a *runner* what begins the run. The stacks whose
names begin with "native" have one world only: they are the oracles.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from tornado.ioloop import IOLoop
from twisted.internet.error import ReactorNotRunning

import triloop

#: The stacks, and the runners for each.
RUNNERS = {
    "asyncio": ("reactor.run", "IOLoop.start", "asyncio.run"),
    "uvloop": ("reactor.run", "IOLoop.start", "asyncio.run"),
    "epoll": ("reactor.run", "IOLoop.start", "asyncio.run", "run_until_complete"),
    "poll": ("run_until_complete",),
    "select": ("reactor.run",),
    "stacked": ("reactor.run", "asyncio.run"),
}
COMBINATIONS = [(stack, runner) for stack, runners in RUNNERS.items() for runner in runners]
#: Stacks with a reactor of Twisted's own below.
ON_NATIVE = ("epoll", "poll", "select")
#: Stacks with a ReactorEventLoop.
ON_REACTOR = (*ON_NATIVE, "stacked")

Main = Callable[["Stage"], Coroutine[Any, Any, None]]
SignalState = tuple[dict[int, Any], int]


@dataclass
class Stage:
    """One stack, made and ready to run."""

    stack: str
    loop: Any
    reactor: Any

    def run(self, runner: str, main: Main) -> None:
        """Run ``main`` to its end, or until something else ends the run."""
        if runner == "asyncio.run":
            _asyncio_run(self.loop, main(self))
        elif runner == "run_until_complete":
            self.loop.run_until_complete(main(self))
        elif runner == "IOLoop.start":
            io_loop = IOLoop.current()
            tasks = [self._start(main, io_loop.stop)]
            io_loop.start()
            _raise_from(tasks)
        else:
            tasks = []
            self.reactor.callWhenRunning(lambda: tasks.append(self._start(main, self._stop)))
            self.reactor.run()
            _raise_from(tasks)

    def _start(self, main: Main, end: Callable[[], object]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self.loop.create_task(main(self))
        task.add_done_callback(lambda _: end())
        return task

    def _stop(self) -> None:
        with contextlib.suppress(ReactorNotRunning):  # it may have been stopped by a signal
            self.reactor.stop()

    def tidy(self) -> None:
        """Clean up as a careful program does."""
        if isinstance(self.reactor, triloop.TornadoReactor) and self.reactor.waker is not None:
            self.reactor.fireSystemEvent("shutdown")
            self.reactor.disconnectAll()
        self.loop.close()


def _raise_from(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()


def _asyncio_run(loop: Any, main: Coroutine[Any, Any, None]) -> None:
    """``asyncio.run`` on ``loop``, in the way of the running Python."""
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main)
        return

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> Any:
            return loop

    asyncio.set_event_loop_policy(Policy())
    asyncio.run(main)


def build(stack: str) -> Stage:
    """Make the loops of a stack and install its reactor as the global one."""
    if stack.startswith("native"):
        return _build_native(stack)
    if stack in {"asyncio", "uvloop"}:
        loop = _new_loop(stack)
        return _current(Stage(stack, loop, triloop.install(loop)))
    if stack == "stacked":
        from twisted.internet.selectreactor import SelectReactor

        loop = triloop.ReactorEventLoop(SelectReactor())
        return _current(Stage(stack, loop, triloop.install(loop)))
    reactor = _install_native(stack)
    # Tornado asks for the current loop to replace it, which Python 3.12 warns of if there is none.
    io_loop = triloop.TwistedIOLoop(reactor, make_current=False).install()
    return _current(Stage(stack, io_loop.asyncio_loop, reactor))


def _build_native(stack: str) -> Stage:
    _, kind = stack.split()
    if kind in {"asyncio", "uvloop"}:
        return _current(Stage(stack, _new_loop(kind), None))
    return Stage(stack, None, _install_native(kind))


def _current(stage: Stage) -> Stage:
    stage.loop.slow_callback_duration = 60  # debug mode would log slow callbacks
    asyncio.set_event_loop(stage.loop)
    return stage


def _new_loop(kind: str) -> Any:
    return importlib.import_module(kind).new_event_loop()


def _install_native(kind: str) -> Any:
    importlib.import_module(f"twisted.internet.{kind}reactor").install()
    return importlib.import_module("twisted.internet.reactor")


def signal_state() -> SignalState:
    """All handlers, and the wake-up descriptor."""
    fd = signal.set_wakeup_fd(-1)
    if fd != -1:
        signal.set_wakeup_fd(fd)
    return {int(number): signal.getsignal(number) for number in signal.valid_signals()}, fd


def expected_state(before: SignalState, stage: Stage, runner: str) -> SignalState:
    """The right state at the end: as before, except for what Twisted itself leaves."""
    handlers, fd = dict(before[0]), before[1]
    if runner == "reactor.run" and not isinstance(stage.reactor, triloop.TornadoReactor):
        # twisted#11761: a reactor of Twisted's own does not take these two away.
        handlers[signal.SIGINT] = stage.reactor.sigInt
        handlers[signal.SIGTERM] = stage.reactor.sigTerm
    return handlers, fd
