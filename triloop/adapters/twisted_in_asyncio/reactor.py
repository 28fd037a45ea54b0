"""Twisted on Tornado and asyncio: a reactor that is the guest of an asyncio loop."""

from __future__ import annotations

import asyncio
import threading
import warnings
import weakref
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from types import TracebackType
from typing import Any

from tornado.ioloop import IOLoop
from twisted.internet import error
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import DelayedCall, ReactorBase
from twisted.internet.posixbase import PosixReactorBase

from triloop.adapters.orderly_stop import OrderlyStop
from triloop.adapters.twisted_in_asyncio.contexts import Threads, context_of, in_present_context
from triloop.adapters.twisted_in_asyncio.datagrams import DatagramReactor
from triloop.adapters.twisted_in_asyncio.guest import ReactorGuest
from triloop.adapters.twisted_in_asyncio.host import AsyncioHost, check_host
from triloop.adapters.twisted_in_asyncio.stay import Stay, no_pool
from triloop.adapters.twisted_in_asyncio.streams import EarlyWriter, StreamReactor
from triloop.adapters.twisted_in_asyncio.timers import TimedCalls
from triloop.embedding import Embedding
from triloop.private.cpython import current_loop
from triloop.process.children import ChildWatch
from triloop.process.reactor_signals import ReactorSignals

__all__ = ["TornadoReactor"]

_reactors: weakref.WeakSet[TornadoReactor] = weakref.WeakSet()


class TornadoReactor(TimedCalls, StreamReactor, DatagramReactor, AsyncioSelectorReactor):
    """A Twisted reactor that runs inside an asyncio loop, and so inside Tornado's.

    It is Twisted's own poll reactor, nested: its epoll (or kqueue) descriptor is watched by
    the loop, which gives the reactor a turn whenever that is readable or a timed call is due.
    Startup events fire when the loop starts to run, whoever starts it; ``reactor.run()`` runs
    the loop. The reactor follows the running loop: used inside another one while its own does
    not run, it moves there.

    It is an instance of Twisted's ``AsyncioSelectorReactor``, for those who ask, and shows the
    loop as ``_asyncioEventloop``, as that one does.

    As a context manager it is cleaned up at the end of the block; without one, call
    ``fireSystemEvent("shutdown")`` and ``disconnectAll()``.

    :param io_loop: a Tornado IOLoop, an asyncio loop, or None for the current one.
    :param restartable: whether ``run()`` may be called again after ``stop()``.
    :raises TypeError: when ``io_loop`` is neither, or cannot watch descriptors.
    :raises RuntimeError: when it is closed, or runs in another thread.

    All methods belong to the loop's thread, save ``callFromThread`` and ``wakeUp``.
    """

    def __init__(
        self,
        io_loop: IOLoop | asyncio.AbstractEventLoop | None = None,
        *,
        restartable: bool = False,
    ) -> None:
        self._asyncioEventloop = _asyncio_loop(io_loop)
        check_host(self._asyncioEventloop)
        # Inside a loop that somebody else runs, the end of the reactor is not the end of it.
        self._owns_run = not self._asyncioEventloop.is_running()
        self._restartable = restartable
        self._iterating = False
        self._handles_signals = False
        self._start_handle: asyncio.Handle | None = None
        self._is_debug = self._asyncioEventloop.get_debug()
        #: Other loops that will have it when they are run.
        self._awaited: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        #: Its stay in a loop that somebody else runs.
        self.stay = Stay(self)
        #: Whether it was ever started.
        self.has_run = False
        #: The line that had it installed, if this is the global reactor.
        self.installed_by: str | None = None
        #: What ``stop()`` shall do instead, where somebody else sees to an orderly end.
        self.on_stop: Callable[[], None] | None = None
        self._guest = ReactorGuest(self)
        self._embedding = Embedding(AsyncioHost(self._asyncioEventloop), self._guest)
        self._children = ChildWatch(self, self._tell_process)
        self.orderly_stop = OrderlyStop(
            self, self._fire, self._loop_to_end, restartable=restartable
        )
        super().__init__()
        _reactors.add(self)
        self._schedule_start()

    def __enter__(self) -> TornadoReactor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.fireSystemEvent("shutdown")
        self.disconnectAll()

    # The loop

    def _schedule_start(self) -> None:
        """Have the loop fire the startup events as soon as it runs."""
        if self._start_handle is not None:
            self._start_handle.cancel()
        self._start_handle = Context().run(self._asyncioEventloop.call_soon, self._start)

    def _start(self) -> None:
        self._start_handle = None
        if not self._started and not self._startedBefore:
            self.startRunning(self._handles_signals)

    def follow(self) -> None:
        """Move to the running loop, if that is another one than the reactor's own.

        Where none runs, the reactor waits in the current loop too: whichever runs first has it.

        Raises:
            RuntimeError: The reactor runs in another loop than the running one; in debug mode
                also when it runs in another thread than the present one.
        """
        running = asyncio._get_running_loop()
        loop = self._asyncioEventloop
        self._is_debug = loop.get_debug()
        if self._embedding.turning:
            self._check_thread()
            return
        if self._started and running is loop:
            return
        if loop.is_running() and running is not loop:
            if running is not None:
                raise RuntimeError(
                    f"this reactor runs in {_named(loop)} and was used in {_named(running)}: use "
                    "callFromThread from another thread, or make a TornadoReactor for that loop"
                )
            self._check_thread()
            return
        if running is None:
            self._await_current_loop()
        elif running is not loop:
            self.move(running)
        self._await_restart()

    def _check_thread(self) -> None:
        """Refuse a call from the wrong thread, in the loop's debug mode."""
        if self._is_debug and self._embedding.thread not in {0, threading.get_ident()}:
            raise RuntimeError(
                f"this reactor runs in {_named(self._asyncioEventloop)}, in another thread than "
                f"the present one ({threading.current_thread().name}): use callFromThread"
            )

    def _await_current_loop(self) -> None:
        """Be there when the current loop is run, which may be another one by now."""
        current, loop = current_loop(), self._asyncioEventloop
        if current is None or current is loop or current.is_closed():
            if loop.is_closed():
                self._embedding.detach()  # the next loop that runs will have it
        elif loop.is_closed():
            self.move(current)
        else:
            self._await(current)

    def _await(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop not in self._awaited:
            self._awaited.add(loop)
            Context().run(loop.call_soon, self._arrive, loop)

    def _arrive(self, loop: asyncio.AbstractEventLoop) -> None:
        """A loop runs in which the reactor has waited."""
        if loop in self._awaited:
            self._awaited.discard(loop)
            if not self._asyncioEventloop.is_running():
                self.follow()

    def _await_restart(self) -> None:
        loop = self._asyncioEventloop
        if self.is_closed and not self._startedBefore and not loop.is_closed():
            self._schedule_start()

    def move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run inside ``loop`` from now on; for a reactor whose own loop does not run.

        Raises:
            RuntimeError, TypeError: That loop cannot be a host.
        """
        check_host(loop)
        self._embedding.detach()
        if not self._asyncioEventloop.is_closed():
            self._await(self._asyncioEventloop)
        self._asyncioEventloop = loop
        self._is_debug = loop.get_debug()
        self._owns_run = not loop.is_running()
        self._embedding = Embedding(AsyncioHost(loop), self._guest)
        if self._started:
            self._embedding.attach()
        else:
            self._schedule_start()

    # IReactorCore

    def run(self, installSignalHandlers: bool = True) -> None:
        """Run the loop, and the reactor in it, until ``stop()``.

        :param installSignalHandlers: whether SIGINT and SIGTERM shall stop the reactor.
        :raises twisted.internet.error.ReactorAlreadyRunning: when the loop runs already; the
            reactor does too, then.
        :raises twisted.internet.error.ReactorNotRestartable: after ``stop()``, unless the reactor
            was made restartable.
        """
        if self._startedBefore and not self._started and not self._restartable:
            raise error.ReactorNotRestartable(
                "a reactor that was stopped stays so; triloop.install(restartable=True) makes one "
                "that does not"
            )
        running = asyncio._get_running_loop()
        if running is None and self._asyncioEventloop.is_running():
            running = self._asyncioEventloop  # in another thread
        if running is not None or self._started:
            raise error.ReactorAlreadyRunning(
                f"{_named(running or self._asyncioEventloop)} runs already, and this reactor in "
                "it: leave out reactor.run(). Await what you wait for, by triloop.as_future(it); "
                "`async with triloop.attached()` is a reactor from its start to its end"
            )
        if self._asyncioEventloop.is_closed():
            self.move(_asyncio_loop(None))
        self._handles_signals = installSignalHandlers
        self._owns_run = True
        self._startedBefore = False
        self._schedule_start()
        try:
            self._asyncioEventloop.run_forever()
        finally:
            self._handles_signals = False
            self._signals.uninstall()

    def startRunning(self, installSignalHandlers: bool = True) -> None:
        """Fire the startup events and begin to take turns in the loop."""
        self.has_run = True
        self._is_debug = self._asyncioEventloop.get_debug()
        self.descriptor()  # it may have been closed: what starts now asks for its waker
        Context().run(ReactorBase.startRunning, self, installSignalHandlers)
        if self._started:
            self._embedding.attach()
            if not self._owns_run:
                self.stay.end_with_loop()

    def stop(self) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorCore.stop`."""
        if self._started:
            self._check_thread()
        if self._started and self.on_stop is not None:
            self.on_stop()
            return
        ReactorBase.stop(self)
        self._embedding.wake()

    def start_for_others(self) -> bool:
        """Start now, in a running loop that goes on after ``stop()``.

        :returns: whether a ``stop()`` would have ended the loop's run otherwise.
        """
        if self._start_handle is not None:
            self._start_handle.cancel()
            self._start_handle = None
        self._startedBefore = False
        owned, self._owns_run = self._owns_run, False
        try:
            self.startRunning(installSignalHandlers=False)
        except BaseException:
            self._owns_run = owned
            raise
        return owned

    # The end

    def fireSystemEvent(self, eventType: str) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorCore.fireSystemEvent`.

        The last thing that the shutdown does is to close the reactor's own descriptors.
        """
        self.orderly_stop.fire(eventType)

    def _fire(self, event: str) -> None:
        if event == "shutdown":
            Context().run(self.addSystemEventTrigger, "after", "shutdown", self.close)
        ReactorBase.fireSystemEvent(self, event)

    def _loop_to_end(self) -> asyncio.AbstractEventLoop | None:
        """The loop, if it runs and its run ends with the reactor's."""
        loop = self._asyncioEventloop
        return loop if self._owns_run and loop.is_running() else None

    def close(self) -> None:
        """Give back the reactor's own descriptors; it leaves its loop first. Idempotent."""
        self._embedding.detach()
        if self._start_handle is not None:
            self._start_handle.cancel()
            self._start_handle = None
        self._awaited.clear()
        self._children.clear()
        if self._restartable or not self._owns_run:
            self.forget_timed_calls()  # they would happen in the next run
        if not self.is_closed:
            # Twisted's are used up, and the reactor may be started, and shut down, again.
            for end in (self.crash, self.disconnectAll):
                Context().run(self.addSystemEventTrigger, "during", "shutdown", end)
        StreamReactor.close(self)

    def _initThreadPool(self) -> None:
        Context().run(self._init_threads)

    def _init_threads(self) -> None:
        """As Twisted's ``_initThreadPool``, with a pool that regards contexts."""
        self.threadpool = Threads(0, 10, "twisted.internet.reactor")
        self._threadpoolStartupID = self.callWhenRunning(self.threadpool.start)
        stop = self._stopThreadPool
        self.threadpoolShutdownID = self.addSystemEventTrigger("during", "shutdown", stop)

    def _stopThreadPool(self) -> None:
        pool = self.threadpool
        if not self._owns_run and pool is not None:
            # In a loop that goes on, nobody may wait for the threads here.
            self.stay.retire(pool)
            self.threadpool = no_pool()
        ReactorBase._stopThreadPool(self)

    def crash(self) -> None:
        """Leave the loop at once, and end its run if that began with this reactor's."""
        self.orderly_stop.forget()
        ReactorBase.crash(self)
        self._embedding.detach()
        if self._owns_run and self._asyncioEventloop.is_running():
            self._asyncioEventloop.stop()

    def iterate(self, delay: float = 0.0) -> None:
        """Run timed calls, then wait for I/O of either world, ``delay`` seconds at the most."""
        self.suspend_turn()
        self.runUntilCurrent()
        loop = self._asyncioEventloop
        if loop.is_running() or asyncio._get_running_loop() is not None:
            self.flush()
            self.doIteration(delay)
        else:
            self._iterate_loop(delay)

    def suspend_turn(self) -> None:
        """Make ready to be iterated, or turned, in the middle of a turn: nothing waits for its end.

        Calls of threads that the turn has not come to, early writes and answers are given back.
        """
        self.requeue_thread_calls()
        self.keep_nothing_back()

    def _iterate_loop(self, delay: float) -> None:
        """Run the loop until the reactor has had a turn or ``delay`` seconds have passed."""
        loop = self._asyncioEventloop
        if self._start_handle is not None:
            self._start_handle.cancel()
        due = self.timeout()
        end = loop.call_later(delay if due is None else min(delay, due), loop.stop)
        passing = Embedding(AsyncioHost(loop), self._guest)
        self._iterating = True
        self._embedding.detach()
        passing.attach()
        try:
            loop.run_forever()
        finally:
            passing.detach()
            end.cancel()
            self._iterating = False
            if self._started:
                self._embedding.attach()
            elif self._start_handle is not None:
                self._schedule_start()

    def restart_in_child(self, loop: asyncio.AbstractEventLoop, *, again: bool) -> None:
        """Await the start, in a child that ``os.fork`` has made.

        :param loop: this reactor's loop there.
        :param again: whether the reactor ran in the parent.
        """
        awaited = again or self._start_handle is not None
        self._iterating = self._handles_signals = self.has_run = False
        self.stay = Stay(self)
        self._start_handle = self.on_stop = None
        self._awaited.clear()
        self.orderly_stop.forget()
        self._embedding.detach()
        self._asyncioEventloop = loop
        self._owns_run = True
        self._embedding = Embedding(AsyncioHost(loop), self._guest)
        if awaited and not loop.is_closed():
            self._schedule_start()

    def addSystemEventTrigger(
        self, phase: str, eventType: str, callable: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """See :meth:`twisted.internet.interfaces.IReactorCore.addSystemEventTrigger`.

        The trigger is called in the context in which it was added.
        """
        self.follow()
        call = in_present_context(callable), *args
        return ReactorBase.addSystemEventTrigger(self, phase, eventType, *call, **kwargs)

    # IReactorTime, IReactorThreads, IReactorFDSet

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> DelayedCall:
        """See :meth:`twisted.internet.interfaces.IReactorTime.callLater`; ``delay`` in seconds."""
        if self._embedding.turning and not self._is_debug:
            return self.time_call(delay, callable, args, kw)
        self.follow()
        call = self.time_call(delay, callable, args, kw)
        self._embedding.wake()
        return call

    def _moveCallLaterSooner(self, call: DelayedCall) -> None:
        TimedCalls._moveCallLaterSooner(self, call)
        self._embedding.wake()

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kw: object) -> None:  # type: ignore[override]  # two untyped bases
        """See :meth:`twisted.internet.interfaces.IReactorFromThreads.callFromThread`.

        It is called in the context of the thread that asked for it.
        """
        ReactorBase.callFromThread(self, in_present_context(callable), *args, **kw)

    def _run_thread_calls(self) -> None:
        self.contexts.leave(super()._run_thread_calls)

    def _run_due(self) -> None:
        self.contexts.leave(super()._run_due)

    def addReader(self, reader: Any) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorFDSet.addReader`."""
        self.follow()
        StreamReactor.addReader(self, reader)

    def addWriter(self, writer: Any) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorFDSet.addWriter`."""
        self.follow()
        StreamReactor.addWriter(self, writer)

    def write_early(self, stream: EarlyWriter) -> object:
        """Have ``stream`` write out once the present callback has returned."""
        if self._is_debug or not self._embedding.turning:
            self.follow()
            self._embedding.wake()
        return StreamReactor.write_early(self, stream)

    # IReactorProcess

    def _signalsFactory(self) -> Any:
        if ChildWatch.supported():
            return ReactorSignals(self)
        return PosixReactorBase._signalsFactory(self)

    def spawnProcess(self, *args: Any, **kw: Any) -> Any:
        """See :meth:`twisted.internet.interfaces.IReactorProcess.spawnProcess`.

        All that the process protocol is told of, it is told of in one context.
        """
        context = copy_context()
        spawn = partial(PosixReactorBase.spawnProcess, self, **kw)
        process = self.contexts.call(context, spawn, *args)
        for selectable in (process, *getattr(process, "pipes", {}).values()):
            selectable.reactor_context = context
        self._children.add(process)
        return process

    def _tell_process(self, process: Any, reap: Callable[[], object]) -> None:
        self.contexts.call(context_of(process), reap)


def _asyncio_loop(io_loop: IOLoop | asyncio.AbstractEventLoop | None) -> asyncio.AbstractEventLoop:
    """The asyncio loop that is meant by ``io_loop``."""
    if io_loop is None:
        running = asyncio._get_running_loop()
        io_loop = running if running is not None else _current_io_loop()
    loop = getattr(io_loop, "asyncio_loop", io_loop)
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise TypeError(
            f"a TornadoReactor needs a Tornado IOLoop or an asyncio event loop; got {io_loop!r}"
        )
    return loop


def _current_io_loop() -> IOLoop:
    """Tornado's current loop, which is made if there is none: that is meant, and no oversight."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "There is no current event loop", DeprecationWarning)
        return IOLoop.current()


def _named(loop: asyncio.AbstractEventLoop) -> str:
    """A loop's name, by which two of a kind can be told apart."""
    return f"{loop!r} at {id(loop):#x}"


def reactor_in(loop: asyncio.AbstractEventLoop) -> TornadoReactor | None:
    """The reactor that runs in ``loop``, the global one or not; None if there is none."""
    for reactor in _reactors:
        if reactor._asyncioEventloop is loop and reactor._started:
            return reactor
    return None


def all_reactors() -> list[TornadoReactor]:
    """All there are in this process, closed ones too."""
    return list(_reactors)
