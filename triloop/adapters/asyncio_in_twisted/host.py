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
from triloop.adapters.winding import Winding, shutdown_event
from triloop.protocol import Callback, Cancellable
from triloop.states import Action, Event, Lifecycle, RefusedError, State

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


class _Followed:
    """The one wrapper around the methods by which a reactor's life is followed.

    Twisted tells of a reactor's start, not of its end: ``crash`` fires no event. So ``run``,
    ``stop`` and ``fireSystemEvent`` of this one reactor are the host's until it is released. So
    are those that call what the guest's code asks for, which keeps the context of that code.

    Args:
        host: What follows.
        reactor: What is followed.
        in_turn: Whether the caller is in a turn of the guest.
    """

    def __init__(self, host: ReactorHost, reactor: Any, in_turn: Callable[[], bool]) -> None:
        self._host = host
        self._reactor = reactor
        self._is_over = False
        self._around: dict[str, Callable[..., Any]] = {
            "run": self.run,
            "stop": self.stop,
            "fireSystemEvent": self.fire,
            **CallsInContext(reactor, in_turn).methods(),
        }
        self._native = {name: getattr(reactor, name) for name in self._around}

    def begin(self) -> None:
        """Take the place of the reactor's own methods."""
        vars(self._reactor).update(self._around)

    def native(self, name: str) -> Callable[..., Any]:
        """The reactor's own method of that name."""
        method: Callable[..., Any] = self._native[name]
        return method

    def release(self) -> None:
        """Put everything back, where nobody else has put something of their own.

        Whoever has asked for one of the methods before, and kept it, has the native one from now.
        """
        self._is_over = True
        held = vars(self._reactor)
        for name, method in self._around.items():
            if held.get(name) == method:
                del held[name]

    def run(self, *args: Any, **kw: Any) -> None:
        """``reactor.run()``, and then the end of the guest's run."""
        try:
            self._native["run"](*args, **kw)
        finally:
            self._host.run_over()

    def stop(self) -> None:
        """``reactor.stop()``; Twisted says itself what is wrong with one that is refused."""
        try:
            if not self._is_over:
                self._host.lifecycle.stop()
                return
        except RefusedError:
            pass
        self._native["stop"]()

    def fire(self, eventType: str) -> None:
        """``reactor.fireSystemEvent()``."""
        if eventType == "shutdown" and not self._is_over:
            self._host.lifecycle.handle(shutdown_event(self._reactor))
        else:
            self._native["fireSystemEvent"](eventType)


class ReactorHost:
    """A :class:`~triloop.protocol.Host` that is a Twisted reactor.

    It also follows the reactor's life, for the sake of the guest: see :class:`_Followed`.

    Args:
        reactor: One with IReactorFDSet and IReactorTime.
        begin: Called when the reactor has started to run, once for each run.
        end: Called when a run has ended, however.
        guest_loop: Gives the loop that ends when the reactor is stopped, if it runs.
        in_turn: Whether the caller is in a turn of the guest.

    Raises:
        TypeError: The reactor cannot watch descriptors, or does not poll them.
    """

    #: There is ``iterate``, and a GUI's reactor runs wherever the GUI's own loop does.
    nests = True

    def __init__(
        self,
        reactor: Any,
        begin: Callable[[], None],
        end: Callable[[], None],
        guest_loop: Callable[[], asyncio.AbstractEventLoop | None],
        in_turn: Callable[[], bool],
    ) -> None:
        _check_kind(reactor)
        self.reactor = reactor
        self.driving = False
        self._begin, self._end, self._guest_loop = begin, end, guest_loop
        self._reason: BaseException | None = None
        self._trigger: Any = None
        self._in_use = True
        self._followed = _Followed(self, reactor, in_turn)
        self._winding = Winding(self._wound)
        #: The reactor's life, as far as it can be seen.
        self.lifecycle = Lifecycle(self._actions(), _state_of(reactor))
        self._await_start()
        self._followed.begin()

    def _actions(self) -> dict[Action, Callable[[], object]]:
        """What the lifecycle has done; the rest of it is Twisted's own business."""
        return {
            **dict.fromkeys(Action, _nothing),
            Action.START: self._begin,
            Action.STOP: self._followed.native("stop"),
            Action.WIND_DOWN: self._wind_down,
            Action.HURRY: self._winding.hurry,
            Action.FIRE: self._fire,
            Action.LEAVE: self._leave,
        }

    def _await_start(self) -> None:
        """Be told of the next start ahead of all that was asked for by ``callWhenRunning``."""
        if self._trigger is None:
            self._trigger = self.reactor.addSystemEventTrigger("during", "startup", self._start)

    def _start(self) -> None:
        self._trigger = None
        if not self.lifecycle.started:
            self.lifecycle.handle(Event.START)

    def _wind_down(self) -> None:
        if not self._winding.begin(self._guest_loop()):
            self.lifecycle.handle(Event.WOUND)

    def _wound(self) -> None:
        self.reactor.callLater(0, self.lifecycle.handle, Event.WOUND)

    def _fire(self) -> None:
        self._winding.forget()
        self._followed.native("fireSystemEvent")("shutdown")

    def _leave(self) -> None:
        self._winding.forget()
        self._end()

    def run_over(self) -> None:
        """The reactor's run has ended, by whatever; raises what interrupted it."""
        self.lifecycle.handle(Event.CRASH)
        if self._in_use:
            self._await_start()
        reason, self._reason = self._reason, None
        if reason is not None:
            raise reason

    def release(self) -> None:
        """Follow the reactor no longer; it may go on running."""
        if self._trigger is not None:
            self.reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None
        if self.lifecycle.state is State.WINDING:
            self.reactor.callLater(0, self.reactor.fireSystemEvent, "shutdown")
        self._in_use = False
        self._followed.release()
        self.lifecycle.forget()
        self._begin = self._end = _nothing

    def reset(self, *, can_run: bool) -> None:
        """Forget the parent's run, in a child that ``os.fork`` has made.

        Args:
            can_run: Whether the reactor is fit for that process.
        """
        self.driving = False
        self._reason = None
        self._winding.forget()
        _driven.discard(self.reactor)
        self.lifecycle.fork()
        if can_run:
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
        if not reactor.running or self.lifecycle.state is State.WINDING:
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
        if self.lifecycle.state is State.WINDING:
            self._winding.hurry()
        else:
            self.end_run()


def check_able_to_run(reactor: Any) -> None:
    """See that ``reactor`` can run, now or later.

    Raises:
        twisted.internet.error.ReactorNotRestartable: It was stopped for good.
    """
    restartable = getattr(reactor, "_restartable", False)
    over = isinstance(reactor, ReactorBase) and _state_of(reactor) is State.ENDED
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


def _state_of(reactor: Any) -> State:
    """Where a reactor stands that was not followed until now, by what Twisted remembers of it."""
    if reactor._startedBefore:
        return State.SHUTTING if reactor._started else State.ENDED
    return State.RUNNING if reactor.running else State.RESTING
