"""The life of a reactor that is the guest of an asyncio loop: in which loop it runs, and when."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from contextvars import Context

from triloop.adapters.twisted_in_asyncio.guest import AsyncioReactor, GuestReactor
from triloop.adapters.twisted_in_asyncio.host import check_host, current_host, named, open_loop
from triloop.adapters.twisted_in_asyncio.interrupts import interruptible
from triloop.adapters.twisted_in_asyncio.refusals import error_of
from triloop.adapters.twisted_in_asyncio.visit import Visit, no_pool
from triloop.adapters.winding import Winding, shutdown_event
from triloop.embedding import Embedding
from triloop.private.cpython import running_loop
from triloop.private.twisted import is_waited_for
from triloop.process.signal_handlers import in_main_thread
from triloop.states import Action, Event, Lifecycle, Refusal, RefusedError

__all__ = ["HostedReactor"]


class HostedReactor(GuestReactor, AsyncioReactor):  # type: ignore[misc]  # callFromThread
    """Twisted's own poll reactor, run by an asyncio loop from its start to its end.

    Whatever starts or ends it is an event for its :class:`~triloop.states.Lifecycle`. The actions
    of the lifecycle are the methods that :meth:`_actions` names.

    Args:
        loop: The loop to run in.
        restartable: Whether ``run()`` may be called again after ``stop()``.

    Raises:
        TypeError: ``loop`` cannot watch descriptors.
        RuntimeError: It is closed, or runs in another thread.
    """

    _embed: Callable[[asyncio.AbstractEventLoop], Embedding]

    def __init__(self, loop: asyncio.AbstractEventLoop, *, restartable: bool) -> None:
        check_host(loop)
        self._asyncioEventloop = loop
        self.look_for_debug(loop)
        self.restartable = restartable
        #: Whether other code runs the loop, which then goes on after the reactor's end.
        self.visits = False
        self._handles_signals = False
        #: The thread in whose loops it starts.
        self._home = threading.get_ident()
        self._start_handle: asyncio.Handle | None = None
        #: Other loops in which it waits for their start.
        self._awaited: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self._winding = Winding(self._wound_down, restartable=restartable)
        self.lifecycle = Lifecycle(self._actions())
        #: Its users in a loop that other code runs.
        self.visit = Visit(self, self.lifecycle)
        self._embedding = self._embed(loop)
        super().__init__()
        self.lifecycle.handle(Event.USE)

    # The loop

    @property
    def host_loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it runs in, or is going to run in."""
        return self._asyncioEventloop

    def follow(self) -> None:
        """Move to the running loop, if that is not the reactor's own.

        Where none runs, the reactor also waits in the current loop, and starts in the one that runs
        first.

        Raises:
            RuntimeError: The reactor runs in another loop than the running one; in debug mode
                also when it runs in another thread than the present one.
        """
        running = running_loop()
        loop = self._asyncioEventloop
        self.look_for_debug(loop)
        if self._embedding.turning:
            self._check_thread()
            return
        if self._started and running is loop:
            return
        if loop.is_running() and running is not loop:
            if running is not None:
                raise RuntimeError(
                    f"this reactor runs in {named(loop)} and was used in {named(running)}: use "
                    "callFromThread from another thread, or make a TornadoReactor for that loop"
                )
            self._check_thread()
            return
        if running is None:
            self._await_current_loop()
        elif running is not loop:
            self.move(running)
        self.lifecycle.handle(Event.USE)

    def _check_thread(self) -> None:
        """Refuse a call from the wrong thread, in the loop's debug mode."""
        if self.slow_calls is None or self._embedding.thread in {0, threading.get_ident()}:
            return
        if self._asyncioEventloop.is_running():
            raise RuntimeError(
                f"this reactor runs in {named(self._asyncioEventloop)}, in another thread than "
                f"the present one ({threading.current_thread().name}): use callFromThread"
            )

    def _await_current_loop(self) -> None:
        """Wait in the current loop, which may have changed, for its start."""
        current, loop = current_host(self), self._asyncioEventloop
        if current is None or current is loop or current.is_closed():
            if loop.is_closed():
                self._embedding.detach()  # it moves to the next loop that runs
        elif loop.is_closed():
            self.move(current)
        else:
            self._await(current)

    @property
    def next_loop(self) -> asyncio.AbstractEventLoop:
        """The loop that is likely to run it next: its own, or the current one if that is over."""
        own, current = self._asyncioEventloop, current_host(self)
        is_past = own.is_closed() or (self.lifecycle.has_run and not own.is_running())
        if is_past and current is not None and not current.is_closed():
            return current
        return own

    def expect(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start in ``loop``, which begins to run, if anything waits for the reactor."""
        own = self._asyncioEventloop
        if loop is own or own.is_running() or threading.get_ident() != self._home:
            return
        if is_waited_for(self) and not loop.is_closed():
            self._await(loop)

    def _await(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop not in self._awaited:
            self._awaited.add(loop)
            Context().run(loop.call_soon, self._arrive, loop)

    def _arrive(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start in a loop that has begun to run and in which the reactor has waited."""
        self._awaited.discard(loop)
        if not self._asyncioEventloop.is_running() and is_waited_for(self):
            self.follow()

    def move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run inside ``loop`` from now on; for a reactor whose own loop does not run.

        Raises:
            RuntimeError, TypeError: That loop cannot be a host.
        """
        check_host(loop)
        self._embedding.detach()
        if not self._asyncioEventloop.is_closed():
            self._await(self._asyncioEventloop)
        self._enter(loop)
        self.lifecycle.handle(Event.MOVE)

    def restart_in_child(self, loop: asyncio.AbstractEventLoop) -> None:
        """Await the start in a child of ``os.fork``, if the reactor ran in the parent or was due.

        Args:
            loop: This reactor's loop there.
        """
        self.after_turn = None
        self._handles_signals = False
        self._home = threading.get_ident()
        self.visit = Visit(self, self.lifecycle)
        self._winding.clear()
        self._awaited.clear()
        self._embedding.detach()
        self._unschedule()
        self._enter(loop)
        self.lifecycle.fork()

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncioEventloop = loop
        self.look_for_debug(loop)
        self._embedding = self._embed(loop)

    # IReactorCore

    def run(self, installSignalHandlers: bool = True) -> None:
        """Run the loop, and the reactor in it, until ``stop()``.

        A reactor that was left running by its loop, whose ``run_until_complete()`` has returned,
        goes on.

        Args:
            installSignalHandlers: Whether SIGINT and SIGTERM stop the reactor.

        Raises:
            twisted.internet.error.ReactorAlreadyRunning: The loop or the reactor runs already.
            twisted.internet.error.ReactorNotRestartable: After ``stop()``, unless the reactor was
                made restartable.
        """
        running = running_loop()
        if running is None and self._asyncioEventloop.is_running():
            running = self._asyncioEventloop  # in another thread
        goes_on = running is None and self.lifecycle.started
        if not goes_on:
            self._begin_run(running)
        loop = open_loop(self.next_loop)
        if loop is not self._asyncioEventloop:
            self.move(loop)
        self._handles_signals = installSignalHandlers
        if goes_on:
            self._own_loop()
        with interruptible(loop):
            try:
                loop.run_forever()
            finally:
                self._handles_signals = False
                self._signals.uninstall()

    def _begin_run(self, running: asyncio.AbstractEventLoop | None) -> None:
        """Start with the next run of the loop, or refuse to; ``running`` runs already."""
        event = Event.RUN_RESTARTABLE if self.restartable else Event.RUN
        refusal = self.lifecycle.refusal(event)
        if refusal is None and running is not None:
            refusal = Refusal.ALREADY_RUNNING
        if refusal is not None:
            raise error_of(refusal, running or self._asyncioEventloop)
        self.lifecycle.handle(event)

    def _own_loop(self) -> None:
        """Have the next run of the loop end with the reactor, which started in an earlier run."""
        self.visit.stop_watching_loop()
        self.visits = False
        if self._handles_signals and in_main_thread():
            self._signals.uninstall()
            self._signals = self._signalsFactory()
            self._signals.install()

    def startRunning(self, installSignalHandlers: bool = True) -> None:
        """Fire the startup events and begin to take turns in the loop."""
        self._handles_signals = installSignalHandlers
        self._pass_event(Event.START)

    def stop(self) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorCore.stop`."""
        self._check_thread()
        try:
            self.lifecycle.stop()
        except RefusedError as refused:
            raise error_of(refused.refusal, self._asyncioEventloop) from None

    def crash(self) -> None:
        """Leave the loop at once, and end the loop's run if ``run()`` of this reactor began it."""
        self._check_thread()
        self.lifecycle.handle(Event.CRASH)

    def fireSystemEvent(self, eventType: str) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorCore.fireSystemEvent`.

        The last step of the shutdown closes the reactor's own descriptors.
        """
        self._check_thread()
        if eventType == "shutdown":
            self.lifecycle.handle(shutdown_event(self))
        else:
            super().fireSystemEvent(eventType)
        if eventType != "startup":  # an interrupt of that leaves in the first turn
            self.raise_interrupt()

    def close(self) -> None:
        """Close the reactor's own descriptors, unless it runs. Idempotent.

        The next use opens new ones.
        """
        self.lifecycle.handle(Event.CLOSE)

    def winding_at_exit(self) -> asyncio.Task[None] | None:
        """The task that winds the loop down, if the loop's run has ended before the task."""
        return self._winding.at_exit()

    def _pass_event(self, event: Event) -> None:
        """Pass an event to the lifecycle, and raise Twisted's error where it is refused."""
        try:
            self.lifecycle.handle(event)
        except RefusedError as refused:
            raise error_of(refused.refusal, self._asyncioEventloop) from None

    # The actions of its lifecycle

    def _actions(self) -> dict[Action, Callable[[], object]]:
        return {
            Action.SCHEDULE: self._schedule,
            Action.START: self._start,
            Action.VISIT: self._start_visit,
            Action.REATTACH: self._reattach,
            Action.HAND_OVER: self._hand_over,
            Action.STOP: self._stop,
            Action.WIND_DOWN: self._wind_down,
            Action.CUT_SHORT: self._winding.cut_short,
            Action.FIRE: self._fire,
            Action.LEAVE: self._leave,
            Action.CLOSE: self._close,
            Action.REST: self._rest,
        }

    def _schedule(self) -> None:
        self._unschedule()
        loop, handle = self._asyncioEventloop, self.lifecycle.handle
        self.visits = loop.is_running()
        if not loop.is_closed():
            self._start_handle = Context().run(lambda: loop.call_soon(handle, Event.START))

    def _unschedule(self) -> None:
        if self._start_handle is not None:
            self._start_handle.cancel()
            self._start_handle = None

    def _start(self) -> None:
        self._unschedule()
        self._startedBefore = False
        self.look_for_debug(self._asyncioEventloop)
        try:
            self._embedding.attach()
        except BaseException:
            self.lifecycle.handle(Event.CRASH)
            self.lifecycle.handle(Event.REST)  # nothing has begun: the next use tries again
            raise
        try:
            Context().run(super().startRunning, self._handles_signals)
        except BaseException:
            self.lifecycle.handle(Event.CRASH)
            raise
        self._end_with_loop()

    def _start_visit(self) -> None:
        self._hand_over()
        self._start()

    def _hand_over(self) -> None:
        self.visits = True

    def _reattach(self) -> None:
        self.visits = self._asyncioEventloop.is_running()
        self._embedding.attach()
        self._end_with_loop()

    def _end_with_loop(self) -> None:
        """End the reactor together with a loop that other code runs."""
        if self.visits and self._started:
            self.visit.end_with(self._asyncioEventloop)

    def _stop(self) -> None:
        super().stop()
        self._embedding.wake()

    def _wind_down(self) -> None:
        loop = self._asyncioEventloop
        own = not self.visits and loop.is_running()
        if not self._winding.begin(loop if own else None):
            self.lifecycle.handle(Event.WOUND_DOWN)

    def _wound_down(self) -> None:
        self.callLater(0, self.lifecycle.handle, Event.WOUND_DOWN)

    def _fire(self) -> None:
        self._winding.clear()
        super().addSystemEventTrigger("after", "shutdown", Context().run, self.close)
        super().fireSystemEvent("shutdown")

    def _leave(self) -> None:
        self._winding.clear()
        super().crash()
        self._embedding.detach()
        if not self.visits and self._asyncioEventloop.is_running():
            self._asyncioEventloop.stop()

    def _close(self) -> None:
        self._embedding.detach()
        self._unschedule()
        self._awaited.clear()
        if self.restartable or self.visits:
            self.timed_calls.drop()  # they would happen in the next run
        if not self.is_closed:
            # Twisted's triggers have been fired, and the reactor may be started again.
            for end in (self.crash, self.disconnectAll):
                super().addSystemEventTrigger("during", "shutdown", Context().run, end)
        super().close()

    def _rest(self) -> None:
        self._startedBefore = False

    def _stopThreadPool(self) -> None:
        pool = self.threadpool
        if self.visits and pool is not None:
            # The loop goes on, so it must not be blocked to join the threads.
            self.visit.end_pool(pool, self._asyncioEventloop)
            self.threadpool = no_pool()
        super()._stopThreadPool()
