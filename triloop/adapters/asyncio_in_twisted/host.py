"""A Twisted reactor as a host: any with IReactorFDSet and IReactorTime."""

from __future__ import annotations

import asyncio
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

from triloop.adapters.asyncio_in_twisted.contexts import CallsInContext
from triloop.adapters.winding import Winding, shutdown_event
from triloop.private.cpython import running_loop
from triloop.private.reactors import (
    add_internal_reader,
    has_ended,
    host_loop_of,
    internal_readers,
    is_stopped,
    remove_internal_reader,
    was_stopped,
)
from triloop.protocol import Callback, Cancellable
from triloop.registry import Registry
from triloop.states import Action, Event, Lifecycle, RefusedError, State

__all__ = ["CancellableCall", "ReactorHost", "check_able_to_run"]

_log = Logger()

#: Which reactors can be a host; a part of error messages.
_USE = "use the epoll, kqueue, poll, select, asyncio or a GUI reactor"

_driven: Registry[Any] = Registry()


@implementer(IReadDescriptor)
class _Reader:
    """The descriptor of a guest's poller, watched by a reactor.

    It is one of the reactor's internal readers: like the reactor's waker, ``removeAll`` passes it
    over, so that ``disconnectAll`` does not cut the guest off.
    """

    def __init__(self, reactor: Any, fd: int, callback: Callback) -> None:
        self._reactor = reactor
        self._fd = fd
        self.doRead: Any = callback
        try:
            add_internal_reader(reactor, self)
        except BaseException:
            internal_readers(reactor).discard(self)
            raise

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return "asyncio"

    def connectionLost(self, reason: object) -> None:
        """Do nothing: the guest closes its descriptor."""

    def cancel(self) -> None:
        if self in internal_readers(self._reactor):
            remove_internal_reader(self._reactor, self)


class CancellableCall:
    """A DelayedCall whose ``cancel`` may be called after the call."""

    __slots__ = ("_call",)

    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        """See :meth:`triloop.protocol.Cancellable.cancel`."""
        if self._call.active():
            self._call.cancel()


class _Followed:
    """The one place that replaces methods of the host reactor.

    Twisted announces a reactor's start, not its end: ``crash`` fires no event. So ``run``, ``stop``
    and ``fireSystemEvent`` of this one reactor are replaced until the host is released. So are the
    methods by which the guest's code asks for a call, which keeps the context of that code.

    Args:
        host: The host, which follows the reactor's life.
        reactor: The reactor.
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
        """Replace the reactor's methods."""
        vars(self._reactor).update(self._around)

    def native(self, name: str) -> Callable[..., Any]:
        """The reactor's own method of that name."""
        method: Callable[..., Any] = self._native[name]
        return method

    def release(self) -> None:
        """Put the reactor's methods back, unless other code has replaced them since.

        Code that has kept one of the replaced methods then calls the reactor's own through it.
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
        """``reactor.stop()``; if it is refused, Twisted's own method raises the error."""
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

    It also follows the reactor's life, as the guest depends on it: see :class:`_Followed`.

    Args:
        reactor: One with IReactorFDSet and IReactorTime.
        begin: Called when the reactor has started to run, once for each run.
        end: Called when a run has ended, for any reason.
        guest_loop: Gives the loop that ends when the reactor is stopped, if it runs.
        in_turn: Whether the caller is in a turn of the guest.

    Raises:
        TypeError: The reactor cannot watch descriptors, or does not poll them.
    """

    #: A reactor has ``iterate``, and a GUI's reactor also runs in nested loops of the GUI.
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
        self._winding = Winding(self._wound_down)
        #: The reactor's life, as far as the host can follow it.
        self.lifecycle = Lifecycle(self._actions(), _state_of(reactor))
        self._await_start()
        self._followed.begin()

    def _actions(self) -> dict[Action, Callable[[], object]]:
        """The actions of the lifecycle; Twisted itself does the others."""
        return {
            **dict.fromkeys(Action, _nothing),
            Action.START: self._begin,
            Action.STOP: self._followed.native("stop"),
            Action.WIND_DOWN: self._wind_down,
            Action.CUT_SHORT: self._winding.cut_short,
            Action.FIRE: self._fire,
            Action.LEAVE: self._leave,
        }

    def _await_start(self) -> None:
        """Have the next start reported before all ``callWhenRunning`` functions are called."""
        if self._trigger is None:
            self._trigger = self.reactor.addSystemEventTrigger("during", "startup", self._start)

    def _start(self) -> None:
        self._trigger = None
        if not self.lifecycle.started:
            self.lifecycle.handle(Event.START)

    def _wind_down(self) -> None:
        if not self._winding.begin(self._guest_loop()):
            self.lifecycle.handle(Event.WOUND_DOWN)

    def _wound_down(self) -> None:
        self.reactor.callLater(0, self.lifecycle.handle, Event.WOUND_DOWN)

    def _fire(self) -> None:
        self._winding.clear()
        self._followed.native("fireSystemEvent")("shutdown")

    def _leave(self) -> None:
        self._winding.clear()
        self._end()

    def run_over(self) -> None:
        """Handle the end of the reactor's run, and raise the interrupt that ended it, if any."""
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
        self.lifecycle.release()
        self._begin = self._end = _nothing

    def reset(self, *, can_run: bool) -> None:
        """Drop the state of the parent's run, in a child that ``os.fork`` has made.

        Args:
            can_run: Whether the reactor can run in the child.
        """
        self.driving = False
        self._reason = None
        self._winding.clear()
        _driven.discard(self.reactor)
        self.lifecycle.fork()
        if can_run:
            self._await_start()

    def drive(self) -> None:
        """Run the reactor for its guest only, and leave it able to run again."""
        self.driving = True
        _driven.add(self.reactor)
        try:
            self.reactor.run(installSignalHandlers=False)
        finally:
            self.driving = False

    def end_run(self) -> None:
        """End the reactor's run: by ``crash()``, or by ``stop()`` if the application began it."""
        reactor = self.reactor
        if not reactor.running or self.lifecycle.state is State.WINDING:
            return
        if self.driving:
            reactor.crash()
        elif not is_stopped(reactor):
            reactor.stop()

    @property
    def is_paused(self) -> bool:
        """Whether the reactor was started in an asyncio loop which does not run at present."""
        loop = host_loop_of(self.reactor)
        return hasattr(self.reactor, "follow") and not loop.is_running()

    @property
    def runs_in_asyncio(self) -> bool:
        """Whether the reactor itself runs inside an asyncio loop, or is about to.

        Twisted's own AsyncioSelectorReactor fires its startup events before it runs its loop.
        """
        running = running_loop()
        return running is not None or isinstance(self.reactor, AsyncioSelectorReactor)

    # triloop.protocol.Host

    def watch(self, fd: int, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.watch`."""
        return _Reader(self.reactor, fd, callback)

    def call_later(self, delay: float, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.call_later`."""
        return CancellableCall(self.reactor.callLater(delay, callback))

    def call_soon(self, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.call_soon`."""
        return CancellableCall(self.reactor.callLater(0, callback))

    def call_soon_threadsafe(self, callback: Callback) -> None:
        """See :meth:`triloop.protocol.Host.call_soon_threadsafe`."""
        self.reactor.callFromThread(callback)

    def interrupt(self, reason: BaseException) -> None:
        """Keep ``reason`` until ``run`` returns: Twisted would log it, or cut the guest off."""
        if self._reason is None:
            self._reason = reason
        if self.lifecycle.state is State.WINDING:
            self._winding.cut_short()
        else:
            self.end_run()


def check_able_to_run(reactor: Any) -> None:
    """Check that ``reactor`` can run, now or later.

    Raises:
        twisted.internet.error.ReactorNotRestartable: It was stopped for good.
    """
    restartable = getattr(reactor, "restartable", False)
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
    """The reactors that were run for a guest only, and so have not been shut down."""
    return list(_driven)


def _nothing() -> None:
    """Do nothing."""


def _state_of(reactor: Any) -> State:
    """The state of a reactor that was not followed until now, from Twisted's own attributes."""
    if was_stopped(reactor):
        return State.ENDED if has_ended(reactor) else State.SHUTTING
    return State.RUNNING if reactor.running else State.RESTING
