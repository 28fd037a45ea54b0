"""The one order in which a loop and the reactors of a process come to their end.

Tasks are cancelled and awaited, asynchronous generators closed, the default executor shut down;
then come Twisted's shutdown triggers and its thread pool; then the loop is closed. An entry point
that closes its loop does all of this; the stop of a reactor that owns the run, all but the closing
(:mod:`triloop.adapters.orderly_stop`). One that gives its loop back, to be run again, does not;
what is left is done when the interpreter exits.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures.thread  # before its hook is called, ours has to be
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.base import ReactorBase

from triloop.adapters.asyncio_in_twisted.host import driven_reactors
from triloop.adapters.asyncio_in_twisted.loop import open_loops
from triloop.adapters.orderly_stop import end_tasks
from triloop.adapters.twisted_in_asyncio.dispatch import LeanReactor
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor, all_reactors
from triloop.private.cpython import reopen

__all__ = ["run_through", "wind_down"]

_Step = Callable[[], Coroutine[Any, Any, None]]


def wind_down(loop: asyncio.AbstractEventLoop) -> None:
    """End what asyncio has in ``loop``, which does not run: tasks, generators, executor."""
    _take(loop, _steps(loop))


def _steps(loop: asyncio.AbstractEventLoop) -> tuple[_Step, ...]:
    """What there is to do, in the order in which it is done: each makes a coroutine."""
    return lambda: end_tasks(loop), loop.shutdown_asyncgens, loop.shutdown_default_executor


def _take(loop: asyncio.AbstractEventLoop, them: tuple[_Step, ...]) -> None:
    """Take some steps to the end of a loop, each even if the one before was interrupted."""
    with contextlib.ExitStack() as ending:
        for step in reversed(them):  # the last to be pushed is the first to be taken
            ending.callback(_take_one, loop, step)


def _take_one(loop: asyncio.AbstractEventLoop, step: _Step) -> None:
    run_through(loop, step())


def run_through(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` to its end in ``loop``, also where something ends the run before.

    What a program has asked for at the end of its tasks may well be ``loop.stop()``.
    """
    task = loop.create_task(work)
    task.add_done_callback(lambda _: loop.stop())
    while not task.done():
        loop.run_forever()
    task.result()


def _end_with_process() -> None:
    """Do what nobody has done by the time that the interpreter exits.

    No thread may be started any more: Python 3.12 refuses it. So threads are waited for here, and
    not by others.
    """
    guests = [
        one for one in all_reactors() if one.has_run and not one._asyncioEventloop.is_running()
    ]
    nested = [loop for loop in open_loops() if loop.has_run and not loop.is_running()]
    for reactor in guests:
        reactor.stay.forget_loop()
        if not reactor._asyncioEventloop.is_closed():
            run_through(reactor._asyncioEventloop, reactor.orderly_stop.waited_at_exit())
    loops = dict.fromkeys((*nested, *(reactor._asyncioEventloop for reactor in guests)))
    for loop in loops:
        if not loop.is_closed():
            _take(loop, _steps(loop)[:-1])
    # What concurrent.futures would do itself in a moment; its threads come before Twisted's end.
    concurrent.futures.thread._python_exit()
    for loop in loops:
        reopen(loop)  # what was its executor has ended, and nobody needs to wait for it
    for reactor in guests:
        _end_guest(reactor)
    for host in driven_reactors():
        _end_host(host)


def _end_guest(reactor: TornadoReactor) -> None:
    """Shut a reactor down after the loop that it ran in, which may be closed by now."""
    if reactor._started:
        if reactor._asyncioEventloop.is_closed():
            reactor.move(asyncio.new_event_loop())
        reactor._owns_run = True  # nothing goes on that waiting for threads could block
        run_through(reactor._asyncioEventloop, reactor.stay.shut_down())
    elif reactor.threadpool is not None:
        ReactorBase._stopThreadPool(reactor)


def _end_host(reactor: Any) -> None:
    """Have a reactor that was only ever run for its guest, and left by crash, run to its end."""
    closed = isinstance(reactor, LeanReactor) and reactor.is_closed
    if not (closed or reactor.running or reactor._startedBefore):
        reactor.callWhenRunning(reactor.stop)
        reactor.run(installSignalHandlers=False)


def _close_loops() -> None:
    """Close the loops that were left open, after all that the application asked of atexit."""
    guests = [reactor for reactor in all_reactors() if reactor.has_run]
    for loop in (*(guest._asyncioEventloop for guest in guests), *open_loops()):
        if not loop.is_running():
            loop.close()


# Python waits for threads before it calls what atexit has, and a thread pool waits to be stopped:
# concurrent.futures ends its own threads by this same hook.
getattr(threading, "_register_atexit", atexit.register)(_end_with_process)
atexit.register(_close_loops)
