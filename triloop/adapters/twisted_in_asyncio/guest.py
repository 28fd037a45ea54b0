"""A Twisted poll reactor as a guest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import DelayedCall
from twisted.internet.posixbase import PosixReactorBase

from triloop.adapters.twisted_in_asyncio.contexts import Threads, context_of, in_present_context
from triloop.adapters.twisted_in_asyncio.datagrams import DatagramReactor
from triloop.adapters.twisted_in_asyncio.slow_calls import SlowCalls
from triloop.adapters.twisted_in_asyncio.streams import StreamReactor
from triloop.adapters.twisted_in_asyncio.timers import TimedReactor
from triloop.embedding import Embedding
from triloop.process.children import ChildWatch, Interruptible
from triloop.process.reactor_signals import ReactorSignals

__all__ = ["AsyncioReactor", "GuestReactor", "ReactorGuest"]


class AsyncioReactor(AsyncioSelectorReactor):
    """An AsyncioSelectorReactor for ``isinstance``; it works like any PosixReactorBase."""

    callFromThread = PosixReactorBase.callFromThread  # type: ignore[assignment]  # one is untyped
    crash = PosixReactorBase.crash
    stop = PosixReactorBase.stop


class GuestReactor(TimedReactor, StreamReactor, DatagramReactor):
    """A poll reactor that can be given its turns by a host."""

    #: Called after a turn, to end the run of a loop that is run for one turn.
    after_turn: Callable[[], object] | None = None
    #: Whether an interrupt of an asyncio loop on this reactor is for the host, and not for ``run``.
    interrupts_host = False
    #: What gives it its turns; a subclass makes it.
    _embedding: Embedding

    def __init__(self) -> None:
        self.children = ChildWatch(self, self._tell_process)
        super().__init__()

    def deadline(self) -> float | None:
        """Seconds until the next timed call; 0 also if a call of another thread or a stop waits."""
        if not self._started:
            return None
        if self.early_writers or self.threadCallQueue or self._justStopped:
            return 0
        return self.timed_calls.timeout()

    def look_for_debug(self, loop: asyncio.AbstractEventLoop) -> None:
        """Follow the debug mode of the loop that it runs in."""
        self.slow_calls = SlowCalls(loop) if loop.get_debug() else None

    def suspend_turn(self) -> None:
        """Prepare for an iteration or a turn in the middle of a turn.

        Early writes and answers that the turn has not run yet are queued again.
        """
        self.keep_nothing_back()

    def turn(self) -> float | None:
        """One pass of Twisted's main loop; I/O first, so that what it schedules runs at once.

        Returns:
            The :meth:`deadline` after it.
        """
        self.doIteration(0)
        self.runUntilCurrent()
        if self.early_writers or self.interrupt is not None:
            self.flush()
        if self.after_turn is not None:
            self.after_turn()
        return self.deadline()

    # IReactorTime: a call that is due before all others arms the host's timer again

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> DelayedCall:
        """See :meth:`twisted.internet.interfaces.IReactorTime.callLater`; ``delay`` in seconds."""
        call = self.timed_calls.add(delay, callable, args, kw)
        self._embedding.wake()
        return call

    def called_earlier(self) -> None:
        """Have the host's timer armed again: a timed call was moved to sooner."""
        self._embedding.wake()

    # IReactorCore, IReactorThreads, IReactorProcess: contexts and interrupts

    def addSystemEventTrigger(
        self, phase: str, eventType: str, callable: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """See :meth:`twisted.internet.interfaces.IReactorCore.addSystemEventTrigger`.

        The trigger is called in the context in which it was added.
        """
        call = self.guard(in_present_context(callable)), *args
        return super().addSystemEventTrigger(phase, eventType, *call, **kwargs)

    def _initThreadPool(self) -> None:
        Context().run(self._init_threads)

    def _init_threads(self) -> None:
        """As Twisted's ``_initThreadPool``, with a pool that keeps contexts."""
        self.threadpool = Threads(0, 10, "twisted.internet.reactor")
        self._threadpoolStartupID = self.callWhenRunning(self.threadpool.start)
        stop = self._stopThreadPool
        self.threadpoolShutdownID = self.addSystemEventTrigger("during", "shutdown", stop)

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kw: object) -> None:  # type: ignore[override]  # Twisted's own differ
        """See :meth:`twisted.internet.interfaces.IReactorFromThreads.callFromThread`.

        It is called in the context of the thread that asked for it.
        """
        self.threadCallQueue.append((in_present_context(callable), args, kw))
        self.wakeUp()

    def _run_thread_calls(self) -> None:
        self.contexts.leave(super()._run_thread_calls)

    def _run_due(self) -> None:
        self.contexts.leave(super()._run_due)

    def _signalsFactory(self) -> Any:
        if ChildWatch.supported():
            return ReactorSignals(self)
        return super()._signalsFactory()

    def spawnProcess(self, *args: Any, **kw: Any) -> Any:
        """See :meth:`twisted.internet.interfaces.IReactorProcess.spawnProcess`.

        All that the process protocol is told of, it is told of in one context.
        """
        context = copy_context()
        spawn = partial(super().spawnProcess, **kw)
        process = self.contexts.call(context, spawn, *args)
        if process.proto is not None:
            process.proto = Interruptible(process.proto, self.guard)
        for selectable in (process, *getattr(process, "pipes", {}).values()):
            selectable.reactor_context = context
        return process

    def _tell_process(self, process: Any, reap: Callable[[], object]) -> None:
        self.contexts.call(context_of(process), reap)


class ReactorGuest:
    """Such a reactor as a :class:`~triloop.protocol.Guest`: the methods that the host calls."""

    def __init__(self, reactor: GuestReactor) -> None:
        self.fileno = reactor.descriptor
        self.deadline = reactor.deadline
        #: Twisted's turns may be nested.
        self.suspend = reactor.suspend_turn
        self.turn = reactor.turn
