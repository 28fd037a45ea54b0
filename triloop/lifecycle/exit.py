"""The one order in which a loop and the reactors of a process end.

Tasks are cancelled and awaited, asynchronous generators closed, the default executor shut down;
then come Twisted's shutdown triggers and its thread pool; then the loop is closed. An entry point
that closes its loop does all of this. The stop of a reactor that owns the run does all but the
closing (:mod:`triloop.adapters.winding`). An entry point after which the loop may run again does
none of it; the steps are then taken when the interpreter exits, within :data:`EXIT_SECONDS`. What
has not ended by then is named on stderr and not waited for.
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

from triloop.adapters.asyncio_in_twisted.life import driven_reactors
from triloop.adapters.asyncio_in_twisted.loop import open_loops
from triloop.adapters.twisted_in_asyncio.poller import LeanReactor
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor, all_reactors
from triloop.adapters.winding import end_tasks
from triloop.private.cpython import leave_task_behind, reopen
from triloop.private.reactors import can_poll, was_stopped
from triloop.private.threads import at_thread_exit, end_executor_threads, leave_behind
from triloop.process.signal_handlers import reset_handlers

__all__ = ["EXIT_SECONDS", "run_through", "wind_down"]

#: Seconds that the end of the process may take in all. What has not ended then is not waited for.
EXIT_SECONDS = 5.0
#: Seconds between two checks for calls from the threads that are joined.
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
    """Run ``work`` to its end in ``loop``, even if the run is ended before.

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
        reset_handlers(())  # from now on a signal ends the process
    ending = _Ending(EXIT_SECONDS / 2)
    guests = [
        one for one in all_reactors() if one.lifecycle.has_run and not one.host_loop.is_running()
    ]
    nested = [loop for loop in open_loops() if loop.lifecycle.has_run and not loop.is_running()]
    for reactor in guests:
        reactor.visit.end_with_process()
    for reactor in guests:
        winding = reactor.winding_at_exit()
        if winding is not None:
            ending.finish(winding)
    loops = dict.fromkeys((*nested, *(reactor.host_loop for reactor in guests)))
    for loop in loops:
        for step in _steps(loop)[:-1]:
            ending.run(loop, step)
    # concurrent.futures would do this itself later; its threads have to end before Twisted's.
    end_executor_threads()
    for loop in loops:
        reopen(loop)  # its executor has ended, so nothing needs to wait for it
    ending = _Ending(EXIT_SECONDS / 2)
    for reactor in guests:
        ending.attempt(_end_guest, reactor, ending)
    for host in driven_reactors():
        ending.attempt(_end_host, host, ending)


class _Ending:
    """A part of the end of the process, with a time limit.

    Args:
        seconds: The time limit for all of it.
    """

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Seconds until the time limit; 0 when it has passed."""
        return max(0.0, self._deadline - time.monotonic())

    def give_up(self, what: object) -> None:
        """Name on stderr what is not waited for any more."""
        sys.stderr.write(
            f"triloop: gave up on {what}: the end of a process waits {EXIT_SECONDS:g} seconds for "
            "reactors and loops\n"
        )

    def attempt(self, step: Callable[..., object], *args: Any) -> None:
        """Take a step, and print its exception, so that the next step is taken in any case."""
        try:
            step(*args)
        except BaseException:  # noqa: BLE001 - only stderr is left to report it
            traceback.print_exc()

    def run(self, loop: asyncio.AbstractEventLoop, step: _Step) -> None:
        """Run a coroutine to its end in a loop that does not run, unless the loop is closed."""
        if not loop.is_closed():
            self.finish(loop.create_task(step()))

    def finish(self, task: asyncio.Task[None]) -> None:
        """Run the loop of a task until the task is done."""
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
        """Name the program's tasks that do not end, so that Python does not report them too."""
        others = asyncio.all_tasks(loop) - {own}
        for task in others or {own}:
            self.give_up(f"{task!r} in {loop!r}")
        for task in {own, *others}:
            leave_task_behind(task)

    def join(self, reactor: Any, pool: ThreadPool) -> None:
        """Join the threads of a reactor's pool, and run the calls that they make meanwhile."""
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
        if not pool.joined:  # a loop that was closed too early has not waited for it
            pool.stop()


def _end_guest(reactor: TornadoReactor, ending: _Ending) -> None:
    """Shut a reactor down whose loop does not run any more, and may be closed."""
    if reactor.lifecycle.started:
        if reactor.host_loop.is_closed():
            reactor.move(asyncio.new_event_loop())
            reactor.visit.end_with_process()
        ending.run(reactor.host_loop, reactor.visit.shut_down)
    for pool in (reactor.threadpool, reactor.visit.unjoined):
        if isinstance(pool, ThreadPool):
            ending.join(reactor, pool)


def _end_host(reactor: Any, ending: _Ending) -> None:
    """Shut down a reactor that was run for its guest only, and left by ``crash()``."""
    closed = isinstance(reactor, LeanReactor) and reactor.is_closed
    if closed or not can_poll(reactor) or reactor.running or was_stopped(reactor):
        return  # a reactor that cannot poll would log errors for ever
    pool = reactor.threadpool
    if pool is not None:
        pool.stop = _nothing  # it would wait for its threads without a time limit
    # After a shutdown by hand the reactor has no trigger left that ends its run.
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
    """Do nothing: the pool is stopped elsewhere."""


def _leave(reactor: Any, ending: _Ending) -> None:
    ending.give_up(f"the shutdown triggers of {reactor!r}")
    reactor.crash()


def _close_loops() -> None:
    """Close the loops that were left open, after the application's own atexit functions."""
    guests = [reactor for reactor in all_reactors() if reactor.lifecycle.has_run]
    for loop in (*(guest.host_loop for guest in guests), *open_loops()):
        if not loop.is_running():
            loop.close()


# Python waits for threads before it calls atexit functions, and the threads of a pool wait for its
# stop. concurrent.futures ends its own threads by the same hook.
at_thread_exit(_end_with_process)
atexit.register(_close_loops)
