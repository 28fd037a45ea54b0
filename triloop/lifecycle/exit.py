"""The one order in which a loop and the reactors of a process end.

Tasks are cancelled and awaited, asynchronous generators closed, the default executor shut down;
then come Twisted's shutdown triggers and its thread pool; then the loop is closed. An entry point
that closes its loop does all of this; the stop of a reactor that owns the run, all but the closing
(:mod:`triloop.adapters.winding`). An entry point after which the loop may run again does not; the
steps are then taken when the interpreter exits, within :data:`EXIT_SECONDS`. What has not ended by
then is named on stderr, and left behind.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.python.threadpool import ThreadPool

from triloop.adapters.asyncio_in_twisted.host import driven_reactors
from triloop.adapters.asyncio_in_twisted.loop import open_loops
from triloop.adapters.twisted_in_asyncio.poller import LeanReactor
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor, all_reactors
from triloop.adapters.winding import end_tasks
from triloop.private.cpython import leave_task_behind, reopen
from triloop.private.reactors import can_poll, was_stopped
from triloop.private.threads import at_thread_exit, end_executor_threads, leave_behind
from triloop.process.signal_handlers import reset_handlers

__all__ = ["EXIT_SECONDS", "run_through", "wind_down"]

#: Seconds that the end of the process may take, in all. What is not over then is left behind.
EXIT_SECONDS = 5.0
#: Seconds between two looks for calls of threads that are waited for.
_LOOK = 0.02

_Step = Callable[[], Coroutine[Any, Any, None]]


def wind_down(loop: asyncio.AbstractEventLoop) -> None:
    """End what asyncio has in ``loop``, which does not run: tasks, generators, executor."""
    _take(loop, _steps(loop))


def _steps(loop: asyncio.AbstractEventLoop) -> tuple[_Step, ...]:
    """The steps in their order: each makes a coroutine."""
    return lambda: end_tasks(loop), loop.shutdown_asyncgens, loop.shutdown_default_executor


def _take(loop: asyncio.AbstractEventLoop, steps: tuple[_Step, ...]) -> None:
    """Take the steps that end a loop, each even if the one before was interrupted."""
    with contextlib.ExitStack() as ending:
        for step in reversed(steps):  # the last to be pushed is the first to be taken
            ending.callback(_take_one, loop, step)


def _take_one(loop: asyncio.AbstractEventLoop, step: _Step) -> None:
    run_through(loop, step())


def run_through(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` to its end in ``loop``, also where something ends the run before.

    The program's own tasks may call ``loop.stop()`` as they end, for example.
    """
    task = loop.create_task(work)
    task.add_done_callback(lambda _: loop.stop())
    while not task.done():
        loop.run_forever()
    task.result()


def _end_with_process() -> None:
    """When the interpreter exits, end what is left of reactors and loops, within a time limit.

    No thread may be started any more: Python 3.12 refuses it. So threads are joined here, without
    helper threads.
    """
    if threading.current_thread() is threading.main_thread():
        reset_handlers(())  # a signal ends the process now, and not a reactor
    ending = _Ending(EXIT_SECONDS / 2)
    guests = [
        one for one in all_reactors() if one.lifecycle.has_run and not one.host_loop.is_running()
    ]
    nested = [loop for loop in open_loops() if loop.lifecycle.has_run and not loop.is_running()]
    for reactor in guests:
        reactor.visit.end_with_process()
    for reactor in guests:
        winding = reactor.wound_at_exit()
        if winding is not None:
            ending.finish(winding)
    loops = dict.fromkeys((*nested, *(reactor.host_loop for reactor in guests)))
    for loop in loops:
        for step in _steps(loop)[:-1]:
            ending.run(loop, step)
    # What concurrent.futures would do itself in a moment; its threads come before Twisted's end.
    end_executor_threads()
    for loop in loops:
        reopen(loop)  # what was its executor has ended, and nothing needs to wait for it
    ending = _Ending(EXIT_SECONDS / 2)
    for reactor in guests:
        ending.attempt(_end_guest, reactor, ending)
    for host in driven_reactors():
        ending.attempt(_end_host, host, ending)


class _Ending:
    """A part of the end of the process, and a bound on it.

    Args:
        seconds: How long to wait for all of it.
    """

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Seconds until the bound; 0 when it has passed."""
        return max(0.0, self._deadline - time.monotonic())

    def give_up(self, what: object) -> None:
        """Name on stderr what is not waited for any more."""
        sys.stderr.write(
            f"triloop: gave up on {what}: the end of a process waits {EXIT_SECONDS:g} seconds for "
            "reactors and loops\n"
        )

    def attempt(self, step: Callable[..., object], *args: Any) -> None:
        """Take a step, and report an exception; the next step is taken in any case."""
        try:
            step(*args)
        except BaseException:  # noqa: BLE001 - only stderr is left to report it
            traceback.print_exc()

    def run(self, loop: asyncio.AbstractEventLoop, step: _Step) -> None:
        """Run a coroutine to its end in a loop that does not run; not in one that is closed."""
        if not loop.is_closed():
            self.finish(loop.create_task(step()))

    def finish(self, task: asyncio.Task[None]) -> None:
        """Run the loop of a task until that is done."""
        if not task.get_loop().is_closed():
            self.attempt(self._finish, task, task.get_loop())

    def _finish(self, task: asyncio.Task[None], loop: asyncio.AbstractEventLoop) -> None:
        task.add_done_callback(lambda _: loop.stop())
        bound = loop.call_later(self.seconds_left(), loop.stop)
        while not task.done():
            loop.run_forever()
            if not task.done() and not self.seconds_left():
                self._leave_tasks(task, loop)
                return
        bound.cancel()
        task.result()

    def _leave_tasks(self, own: asyncio.Task[None], loop: asyncio.AbstractEventLoop) -> None:
        """Say which tasks of the program do not end; Python need not say it again."""
        others = asyncio.all_tasks(loop) - {own}
        for task in others or {own}:
            self.give_up(f"{task!r} in {loop!r}")
        for task in {own, *others}:
            leave_task_behind(task)

    def join(self, reactor: Any, pool: ThreadPool) -> None:
        """Have the threads of a reactor's pool end; they may still have calls for the reactor."""
        pool.adjustPoolsize(0, 0)
        while busy := [thread for thread in pool.threads if thread.is_alive()]:
            if not self.seconds_left():
                for thread in busy:
                    self.give_up(f"{thread!r} of the thread pool of {reactor!r}")
                    leave_behind(thread)
                return
            busy[0].join(_LOOK)
            if reactor.threadCallQueue:
                reactor.runUntilCurrent()
        pool.stop()


def _end_guest(reactor: TornadoReactor, ending: _Ending) -> None:
    """Shut a reactor down after the loop that it ran in, which may be closed by now."""
    if reactor.lifecycle.started:
        if reactor.host_loop.is_closed():
            reactor.move(asyncio.new_event_loop())
            reactor.visit.end_with_process()
        ending.run(reactor.host_loop, reactor.visit.shut_down)
    for pool in (reactor.threadpool, reactor.visit.unjoined):
        if isinstance(pool, ThreadPool):
            ending.join(reactor, pool)


def _end_host(reactor: Any, ending: _Ending) -> None:
    """Shut down a reactor that has run for its guest only, and was left by ``crash()``."""
    closed = isinstance(reactor, LeanReactor) and reactor.is_closed
    if closed or not can_poll(reactor) or reactor.running or was_stopped(reactor):
        return  # and one that cannot poll would log that without end
    pool = reactor.threadpool
    if pool is not None:
        pool.stop = _nothing  # it would wait for its threads without a bound
    # One that was shut down by hand has no trigger any more that ends its run.
    reactor.addSystemEventTrigger("after", "shutdown", reactor.crash)
    reactor.callWhenRunning(reactor.stop)
    bound = reactor.callLater(ending.seconds_left(), _leave, reactor, ending)
    reactor.run(installSignalHandlers=False)
    if bound.active():
        bound.cancel()
    if pool is not None:
        del pool.stop
        ending.join(reactor, pool)


def _nothing() -> None:
    """What a pool does when it is stopped elsewhere."""


def _leave(reactor: Any, ending: _Ending) -> None:
    ending.give_up(f"the shutdown triggers of {reactor!r}")
    reactor.crash()


def _close_loops() -> None:
    """Close the loops that were left open, after all that the application asked of atexit."""
    guests = [reactor for reactor in all_reactors() if reactor.lifecycle.has_run]
    for loop in (*(guest.host_loop for guest in guests), *open_loops()):
        if not loop.is_running():
            loop.close()


# Python waits for threads before it calls what atexit has, and a thread pool waits to be stopped:
# concurrent.futures ends its own threads by this same hook.
at_thread_exit(_end_with_process)
atexit.register(_close_loops)
