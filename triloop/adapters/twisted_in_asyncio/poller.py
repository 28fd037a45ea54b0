"""A poll reactor that calls ``doRead`` one frame from its poll, in Twisted's log context."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from twisted.internet import error
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python import context, log
from twisted.python.failure import Failure

from triloop.adapters.twisted_in_asyncio.contexts import Contexts, context_of
from triloop.adapters.twisted_in_asyncio.log_contexts import KEEPERS, log_context, prefix_of
from triloop.adapters.twisted_in_asyncio.slow_calls import SlowCalls
from triloop.adapters.twisted_in_asyncio.waker import Waker

if TYPE_CHECKING:
    from triloop.adapters.twisted_in_asyncio.early_writes import EarlyWriter

if TYPE_CHECKING or sys.platform == "linux":
    from select import EPOLLIN
    from select import epoll as new_poller

    from twisted.internet.epollreactor import EPollReactor as PollReactor

    from triloop.private.twisted import ContinuousPolling

    POLLER = "_poller"
else:  # pragma: no cover - the BSDs and macOS
    from select import kqueue as new_poller

    from twisted.internet.kqreactor import KQueueReactor as PollReactor

    POLLER = "_kq"

__all__ = ["POLLER", "LeanReactor", "PollReactor"]

_NO_DESCRIPTOR = error.ConnectionFdescWentAway("File descriptor lost")


class LeanReactor(PollReactor):
    """Twisted's EPollReactor with a shorter path from its poller to the selectables.

    Unlike Twisted's, it lets KeyboardInterrupt and SystemExit pass: the descriptor stays
    connected, and the call that runs the loop raises the exception. On the BSDs and macOS it is
    Twisted's KQueueReactor, with that one's own path.
    """

    #: In debug mode, what times the callbacks.
    slow_calls: SlowCalls | None = None

    def __init__(self) -> None:
        self.early_writers: list[EarlyWriter] = []
        #: The batch that is being written out, and the poll result that is being dispatched.
        self._granting: list[EarlyWriter] = []
        self._found: list[tuple[int, int]] = []
        #: The selectable that is called; only its answer may be kept for the end of its doRead.
        self._current: Any = None
        #: A KeyboardInterrupt or SystemExit to raise once the present dispatch is done.
        self.interrupt: BaseException | None = None
        #: The contexts of its selectables that are entered at present.
        self.contexts = Contexts()
        Context().run(super().__init__)
        if POLLER == "_poller":
            self._continuousPolling = FilePolling(self)

    def _wakerFactory(self) -> Any:
        return Waker()

    def descriptor(self) -> int:
        """The reactor's own epoll or kqueue, itself pollable."""
        return int(getattr(self, POLLER).fileno())

    @property
    def is_closed(self) -> bool:
        """Whether the reactor's own descriptors are closed."""
        return POLLER not in vars(self)

    def close(self) -> None:
        """Close the descriptors of a reactor that does not run. Idempotent.

        The next use of its poller, by whichever method, makes a new one.
        """
        if self.is_closed:
            return
        for reader in list(self._internalReaders):
            self.removeReader(reader)
            reader.connectionLost(None)
        self._internalReaders.clear()
        self.waker = None
        vars(self).pop(POLLER).close()

    def _reopen(self) -> Any:
        """Undo :meth:`close`: a new poller, which watches the same descriptors."""
        poller = vars(self)[POLLER] = new_poller()
        reads, writes = list(self._reads), list(self._writes)
        left = dict(self._selectables)
        self._reads.clear()
        self._writes.clear()
        self._selectables.clear()
        for fd in reads:
            super().addReader(left[fd])
        for fd in writes:
            super().addWriter(left[fd])
        Context().run(self.installWaker)
        return poller

    def addReader(self, reader: Any) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorFDSet.addReader`."""
        context_of(reader)
        super().addReader(reader)

    def addWriter(self, writer: Any) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorFDSet.addWriter`."""
        context_of(writer)
        super().addWriter(writer)

    def doPoll(self, timeout: float | None) -> None:
        """Wait up to ``timeout`` seconds (None: for ever), then call whatever is ready."""
        events = self._poller.poll(-1 if timeout is None else timeout, len(self._selectables))
        # This may be a poll within a callback of another poll. Events of the outer one may be done
        # by now, or their numbers be other files. Those that are left are found again.
        self._found.clear()
        self._found = events
        if events:
            if self.slow_calls is None:
                self._dispatch(events)
            else:
                self._dispatch_timed(events, self.slow_calls)
        if self.interrupt is not None:
            self.raise_interrupt()

    # Twisted sets its poller on the instance, where Python finds it first. After close() there is
    # none, and each use of it comes here: the one place where the reactor is reopened.
    if POLLER == "_poller":
        doIteration = doPoll
        _poller = functools.cached_property(_reopen)
    else:  # pragma: no cover - the BSDs and macOS
        _kq = functools.cached_property(_reopen)

        def _doWriteOrRead(self, selectable: Any, fd: int, event: Any) -> None:
            do = super()._doWriteOrRead  # type: ignore[misc]  # it is KQueueReactor's
            self.contexts.call(context_of(selectable), do, selectable, fd, event)

    def write_early(self, stream: EarlyWriter) -> object:
        """Have ``stream`` write out once the present callback has returned.

        Returns:
            The batch that it is in, with which it will be called.
        """
        self.early_writers.append(stream)
        return self.early_writers

    def flush(self) -> None:
        """Have all streams write out that asked for it by :meth:`write_early`.

        Raises:
            KeyboardInterrupt, SystemExit: A producer has raised it; all streams have written.
        """
        self._write_batch()
        if self.interrupt is not None:
            self.raise_interrupt()

    def raise_interrupt(self) -> None:
        """Raise the interrupt that was kept, if there is one."""
        interrupt, self.interrupt = self.interrupt, None
        if interrupt is not None:
            try:
                raise interrupt
            finally:
                interrupt = None  # its traceback refers to this frame

    def guard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function that Twisted calls, and keep an interrupt that Twisted would only log.

        The interrupt is raised at the end of the present turn, or of the next one.
        """

        def guarded(*args: Any, **kw: Any) -> Any:
            try:
                return function(*args, **kw)
            except (KeyboardInterrupt, SystemExit) as interrupt:
                self.interrupt = self.interrupt or interrupt
                self.wakeUp()

        return guarded

    def _write_batch(self) -> None:
        """Do what :meth:`flush` does, but keep an interrupt."""
        batch, self.early_writers = self.early_writers, []
        self._granting = batch
        while not self._write_rest(batch):
            pass
        self._granting = []

    def _write_rest(self, batch: list[EarlyWriter]) -> bool:
        """Write out what is left of a batch, up to an interrupt; True if there was none."""
        try:
            for stream in batch:
                if stream.early is batch:
                    write_out = log.callWithContext, {"system": prefix_of(stream)}, self.write_out
                    self.contexts.call(stream.reactor_context, *write_out, stream, batch)
        except (KeyboardInterrupt, SystemExit) as interrupt:
            self.interrupt = self.interrupt or interrupt
            return False
        return True

    def break_off_flush(self) -> None:
        """Leave the rest of a flush that is under way to the next one."""
        batch, self._granting = self._granting, []
        for stream in batch:
            if stream.early is batch:
                stream.early = self.write_early(stream)

    def write_out(self, stream: EarlyWriter, granted: object) -> None:
        """Call ``stream.write_out``, and disconnect the stream if a reason is returned."""
        try:
            why = stream.write_out(granted)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as problem:  # noqa: BLE001 - logged, and the end of the stream
            why = problem
            log.err()
        if why:
            self.disconnect(stream, why, False)

    def _dispatch(self, events: list[tuple[int, int]]) -> None:
        """Call what the poller found, one selectable at a time, each in its contexts.

        Once an interrupt is kept, further writes wait for the next turn.
        """
        contexts = context.theContextTracker.currentContext().contexts
        around = contexts[-1]
        top = len(contexts)
        contexts.append(around)
        entered = self.contexts.entered
        level = len(entered)
        entered.append(None)
        selectables: dict[int, Any] = self._selectables
        # Within another callback, its context may have been entered.
        keepers, find = ((), self.contexts.of) if level else (KEEPERS, context_of)
        try:
            for fd, event in events:
                selectable: Any = selectables.get(fd)
                self._current = selectable
                why, read = None, True
                try:
                    if event == EPOLLIN and selectable.__class__ in keepers:
                        its = entered[level] = selectable.reactor_context
                        made_in, prefix, made = selectable.log_context
                        if made_in is around and prefix is selectable.logstr:
                            contexts[top] = made
                        else:
                            contexts[top] = log_context(selectable, contexts[:top])
                        why = its.run(selectable.doRead)
                    elif selectable is not None:
                        its = entered[level] = find(selectable)
                        contexts[top] = log_context(selectable, contexts[:top])
                        why, read = its.run(self._do_event, selectable, fd, event)
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException as problem:  # noqa: BLE001 - logged, and its end
                    why, read = problem, False
                    its.run(log.err)
                if why:
                    its.run(self.disconnect, selectable, why, read)
                if self.early_writers and self.interrupt is None:
                    entered[level] = None
                    self._write_batch()
        finally:
            self._current = None
            del contexts[top:]
            del entered[level:]

    def _dispatch_timed(self, events: list[tuple[int, int]], slow: SlowCalls) -> None:
        """As :meth:`_dispatch`, one after the other, each of which is timed."""
        for event in events:
            if self._found is events:  # no callback has polled again
                slow.time(self._selectables.get(event[0]), self._dispatch, [event])

    def disconnectAll(self) -> None:
        """Disconnect every selectable, each in its contexts."""
        lost = Failure(CONNECTION_LOST)
        for selectable in self.removeAll():
            end = log.callWithLogger, selectable, selectable.connectionLost, lost
            self.contexts.call(context_of(selectable), *end)

    def getWriters(self) -> list[Any]:
        """See :meth:`twisted.internet.interfaces.IReactorFDSet.getWriters`."""
        return [
            *super().getWriters(),
            *(s for s in self.early_writers if s.early is self.early_writers),
        ]

    def removeAll(self) -> list[Any]:
        """See :meth:`twisted.internet.interfaces.IReactorFDSet.removeAll`."""
        early = [stream for stream in self.early_writers if stream.early is self.early_writers]
        for stream in early:
            stream.early = None
        return list(dict.fromkeys([*super().removeAll(), *early]))

    def _do_event(self, selectable: Any, fd: int, event: int) -> tuple[Any, bool]:
        """Call what the poller found; why the selectable is lost, and whether by reading."""
        if event & self._POLL_DISCONNECTED and not event & EPOLLIN:
            # A reader with a hang-up and no input has read everything: a clean end.
            reading = fd in self._reads
            return (CONNECTION_DONE if reading else CONNECTION_LOST), reading
        if selectable.fileno() == -1:
            return _NO_DESCRIPTOR, False
        why = None
        if event & EPOLLIN:
            why = selectable.doRead()
            if why:
                return why, True
        if event & self._POLL_OUT:
            return selectable.doWrite(), False
        return None, bool(event & EPOLLIN)

    def is_reading(self, selectable: Any) -> bool:
        """Whether the poller watches ``selectable`` for input."""
        return selectable.fileno() in self._reads

    def disconnect(self, selectable: Any, why: Any, read: bool) -> None:
        """Disconnect ``selectable``, of which ``read`` says whether it was reading."""
        try:
            self._disconnectSelectable(selectable, why, read)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - the application's; it is logged
            log.err()


if POLLER == "_poller":

    class FilePolling(ContinuousPolling):
        """Polls what epoll does not take, files above all, by a timed call of its own."""

        _reactor: LeanReactor

        def _checkLoop(self) -> None:
            Context().run(super()._checkLoop)

        def _doReadOrWrite(self, selectable: Any, fd: int, event: int) -> None:
            reactor = self._reactor
            do = reactor.guard(self._do)
            reactor.contexts.call(context_of(selectable), do, selectable, event)

        def _do(self, selectable: Any, event: int) -> None:
            """As Twisted's, but an interrupt may leave; the timed call goes on."""
            reading = event == self._POLL_IN
            try:
                why = selectable.doRead() if reading else selectable.doWrite()
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as problem:  # noqa: BLE001 - logged, and its end
                why = problem
                log.err()
            if why:
                self._disconnectSelectable(selectable, why, reading)
