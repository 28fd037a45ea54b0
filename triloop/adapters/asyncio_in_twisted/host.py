"""A Twisted reactor as a host: any with IReactorFDSet and IReactorTime."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import ReactorBase
from twisted.internet.error import ReactorNotRestartable
from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFDSet,
    IReactorThreads,
    IReactorTime,
    IReadDescriptor,
)
from twisted.internet.posixbase import PosixReactorBase
from twisted.logger import Logger
from zope.interface import implementer

from triloop.adapters.asyncio_in_twisted.calls import CallsInContext
from triloop.adapters.orderly_stop import OrderlyStop
from triloop.protocol import Callback, Cancellable
from triloop.states import Phase, phase_of

__all__ = ["ReactorHost", "check_able_to_run"]

_log = Logger()

#: What can be a host, for errors.
_USE = "use the epoll, kqueue, poll, select, asyncio or a GUI reactor"

_driven: weakref.WeakSet[Any] = weakref.WeakSet()


@implementer(IReadDescriptor)
class _Reader:
    """The descriptor of a guest's poller, watched by a reactor.

    It belongs to the reactor's inner works: ``removeAll`` passes it over, as the reactor's own
    waker, so that a ``disconnectAll`` does not cut the guest off.
    """

    def __init__(self, reactor: Any, fd: int, callback: Callback) -> None:
        self._reactor = reactor
        self._fd = fd
        self.doRead: Any = callback
        reactor._addInternalReader(self)

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return "asyncio"

    def connectionLost(self, reason: object) -> None:
        """Nothing to close: the descriptor is the guest's."""

    def cancel(self) -> None:
        if self in self._reactor._internalReaders:
            self._reactor._removeInternalReader(self)


class _Call:
    """A DelayedCall whose ``cancel`` may come late."""

    __slots__ = ("_call",)

    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        if self._call.active():
            self._call.cancel()


class ReactorHost:
    """A :class:`~triloop.protocol.Host` that is a Twisted reactor.

    It also knows when the reactor runs: Twisted tells of the start, not of the end (``crash``
    fires no event), so ``run`` of this one reactor is followed while the host is in use. So is
    its shutdown, which waits for the end of what the guest loop has; and what the guest's code
    asks the reactor to call, which keeps the context of that code.

    :param reactor: one with IReactorFDSet and IReactorTime.
    :param started: called when the reactor has started to run, once for each run.
    :param ended: called when a run has ended, however.
    :param guest_loop: gives the loop that ends when the reactor is stopped, if it runs.
    :param in_turn: whether the caller is in a turn of the guest.
    :raises TypeError: when the reactor cannot watch descriptors, or does not poll them.
    """

    #: There is ``iterate``, and a GUI's reactor runs wherever the GUI's own loop does.
    nests = True

    def __init__(
        self,
        reactor: Any,
        started: Callable[[], None],
        ended: Callable[[], None],
        guest_loop: Callable[[], asyncio.AbstractEventLoop | None],
        in_turn: Callable[[], bool],
    ) -> None:
        _check_kind(reactor)
        self.reactor = reactor
        self.driving = False
        self._started = started
        self._ended = ended
        self._reason: BaseException | None = None
        self._trigger: Any = None
        self._run = reactor.run
        self._orderly_stop = OrderlyStop(reactor, reactor.fireSystemEvent, guest_loop)
        self._followed: dict[str, Callable[..., Any]] = {
            "run": self._follow_run,
            "fireSystemEvent": self._orderly_stop.fire,
            **CallsInContext(reactor, in_turn).methods(),
        }
        self._await_start()
        vars(reactor).update(self._followed)

    def _await_start(self) -> None:
        """Be told of the next start ahead of all that was asked for by ``callWhenRunning``."""
        self._trigger = self.reactor.addSystemEventTrigger("during", "startup", self._start)

    def _start(self) -> None:
        self._trigger = None
        self._started()

    def release(self) -> None:
        """Follow the reactor no longer."""
        if self._trigger is not None:
            self.reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None
        if self.is_stopping:
            self._orderly_stop.hurry()
        held = vars(self.reactor)
        for name, method in self._followed.items():
            if held.get(name) is method:
                del held[name]
        self._started = self._ended = _nothing
        del self._followed, self._orderly_stop

    def reset(self, *, can_run: bool) -> None:
        """Forget the parent's run, in a child that ``os.fork`` has made.

        :param can_run: whether the reactor is fit for that process.
        """
        self.driving = False
        self._reason = None
        self._orderly_stop.forget()
        _driven.discard(self.reactor)
        if can_run and self._trigger is None:
            self._await_start()

    def drive(self) -> None:
        """Run the reactor for the sake of its guest, and leave it able to run again."""
        self.driving = True
        _driven.add(self.reactor)
        try:
            self.reactor.run(installSignalHandlers=False)
        finally:
            self.driving = False

    def end_run(self) -> None:
        """End the run of the reactor: for the guest only, or for good where the user began it."""
        reactor = self.reactor
        if not reactor.running or self.is_stopping:
            return
        if self.driving:
            reactor.crash()
        elif not reactor._stopped:
            reactor.stop()

    @property
    def runs_in_asyncio(self) -> bool:
        """Whether the reactor itself runs inside an asyncio loop, or is about to.

        Twisted's own AsyncioSelectorReactor fires its startup events before it runs its loop.
        """
        running = asyncio._get_running_loop()
        return running is not None or isinstance(self.reactor, AsyncioSelectorReactor)

    @property
    def is_stopping(self) -> bool:
        """Whether the run ends as soon as the guest loop has been brought to its end."""
        return self._orderly_stop.under_way

    def _follow_run(self, *args: Any, **kw: Any) -> None:
        """``reactor.run``, followed by the end of the guest's and by what interrupted it."""
        try:
            self._run(*args, **kw)
        finally:
            self._orderly_stop.forget()  # it was left by crash() instead
            self._ended()
            if self._trigger is None:
                self._await_start()
        reason, self._reason = self._reason, None
        if reason is not None:
            raise reason

    # triloop.protocol.Host

    def watch(self, fd: int, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.watch`."""
        return _Reader(self.reactor, fd, callback)

    def call_later(self, delay: float, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.call_later`."""
        return _Call(self.reactor.callLater(delay, callback))

    def call_soon(self, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.call_soon`."""
        return _Call(self.reactor.callLater(0, callback))

    def call_soon_threadsafe(self, callback: Callback) -> None:
        """See :meth:`triloop.protocol.Host.call_soon_threadsafe`."""
        self.reactor.callFromThread(callback)

    def interrupt(self, reason: BaseException) -> None:
        """Keep ``reason`` until ``run`` returns: Twisted would log it, or cut the guest off."""
        if self._reason is None:
            self._reason = reason
        if self.is_stopping:
            self._orderly_stop.hurry()
        else:
            self.end_run()


def check_able_to_run(reactor: Any) -> None:
    """See that ``reactor`` can run, now or later.

    Raises:
        twisted.internet.error.ReactorNotRestartable: It was stopped for good.
    """
    restartable = getattr(reactor, "_restartable", False)
    over = isinstance(reactor, ReactorBase) and phase_of(reactor) is Phase.ENDED
    if over and not restartable:
        raise ReactorNotRestartable(
            f"{reactor!r} was stopped, which is for good, and no asyncio loop can run inside it: "
            "give another reactor, or make the loop before the stop"
        )


def _check_kind(reactor: Any) -> None:
    for wanted in (IReactorFDSet, IReactorTime, IReactorThreads, IReactorCore):
        if not wanted.providedBy(reactor):
            raise TypeError(
                f"an asyncio loop needs a Twisted reactor with {wanted.__name__}; got "
                f"{reactor!r}: {_USE}"
            )
    if not isinstance(reactor, PosixReactorBase):
        raise TypeError(
            f"an asyncio loop needs a Twisted reactor that polls descriptors, a PosixReactorBase; "
            f"got {reactor!r}: {_USE}"
        )


def driven_reactors() -> list[Any]:
    """The reactors that were run for the sake of a guest, and so not to an end of their own."""
    return list(_driven)


def _nothing() -> None:
    """What is left to be told to a guest that is gone."""
