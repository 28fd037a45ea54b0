"""The life of a reactor that is the host of an asyncio loop: when it runs, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from twisted.internet.base import ReactorBase
from twisted.internet.error import ReactorNotRestartable

from triloop.adapters.asyncio_in_twisted.contexts import CallsInContext
from triloop.adapters.winding import Winding, shutdown_event
from triloop.private.reactors import has_ended, is_stopped, was_stopped
from triloop.registry import Registry
from triloop.states import Action, Event, Lifecycle, RefusedError, State

__all__ = ["HostLife", "check_able_to_run", "driven_reactors"]

#: The reactors that were run for their guest only.
_driven: Registry[Any] = Registry()


class HostLife:
    """Follows the life of a host reactor, on which the guest depends; see :class:`_Followed`.

    Args:
        reactor: The reactor.
        begin: Called when the reactor has started to run, once for each run.
        end: Called when a run has ended, for any reason.
        guest_loop: Gives the loop that ends when the reactor is stopped, if it runs.
        in_turn: Whether the caller is in a turn of the guest.
    """

    def __init__(
        self,
        reactor: Any,
        begin: Callable[[], None],
        end: Callable[[], None],
        guest_loop: Callable[[], asyncio.AbstractEventLoop | None],
        in_turn: Callable[[], bool],
    ) -> None:
        #: Whether the reactor runs for its guest only.
        self.driving = False
        self._reactor = reactor
        self._begin, self._end, self._guest_loop = begin, end, guest_loop
        self._reason: BaseException | None = None
        self._trigger: Any = None
        self._in_use = True
        self._followed = _Followed(self, reactor, in_turn)
        self._winding = Winding(self._wound_down)
        #: The reactor's life, as far as it can be followed.
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
            self._trigger = self._reactor.addSystemEventTrigger("during", "startup", self._start)

    def _start(self) -> None:
        self._trigger = None
        if not self.lifecycle.started:
            self.lifecycle.handle(Event.START)

    def _wind_down(self) -> None:
        if not self._winding.begin(self._guest_loop()):
            self.lifecycle.handle(Event.WOUND_DOWN)

    def _wound_down(self) -> None:
        self._reactor.callLater(0, self.lifecycle.handle, Event.WOUND_DOWN)

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
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None
        if self.lifecycle.state is State.WINDING:
            self._reactor.callLater(0, self._reactor.fireSystemEvent, "shutdown")
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
        _driven.discard(self._reactor)
        self.lifecycle.fork()
        if can_run:
            self._await_start()

    def drive(self) -> None:
        """Run the reactor for its guest only, and leave it able to run again."""
        self.driving = True
        _driven.add(self._reactor)
        try:
            self._reactor.run(installSignalHandlers=False)
        finally:
            self.driving = False

    def end_run(self) -> None:
        """End the reactor's run: by ``crash()``, or by ``stop()`` if the application began it."""
        reactor = self._reactor
        if not reactor.running or self.lifecycle.state is State.WINDING:
            return
        if self.driving:
            reactor.crash()
        elif not is_stopped(reactor):
            reactor.stop()

    def interrupt(self, reason: BaseException) -> None:
        """Keep ``reason`` until ``run`` returns: Twisted would log it, or cut the guest off.

        A reactor that has a host itself passes it on at the end of its turn.
        """
        if getattr(self._reactor, "interrupts_host", False):
            self._reactor.interrupt = self._reactor.interrupt or reason
            self._reactor.wakeUp()
            return
        if self._reason is None:
            self._reason = reason
        if self.lifecycle.state is State.WINDING:
            self._winding.cut_short()
        else:
            self.end_run()


class _Followed:
    """The one place that replaces methods of the host reactor, its ``doIteration`` apart.

    Twisted announces a reactor's start, not its end: ``crash`` fires no event. So ``run``, ``stop``
    and ``fireSystemEvent`` of this one reactor are replaced until the guest is closed. So are the
    methods by which the guest's code asks for a call, which keeps the context of that code.

    Args:
        life: The life of the reactor.
        reactor: The reactor.
        in_turn: Whether the caller is in a turn of the guest.
    """

    def __init__(self, life: HostLife, reactor: Any, in_turn: Callable[[], bool]) -> None:
        self._life = life
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
        for name, method in self._around.items():
            setattr(self._reactor, name, method)  # to ask for its __dict__ would make it slower

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
            self._life.run_over()

    def stop(self) -> None:
        """``reactor.stop()``; if it is refused, Twisted's own method raises the error."""
        try:
            if not self._is_over:
                self._life.lifecycle.stop()
                return
        except RefusedError:
            pass
        self._native["stop"]()

    def fire(self, eventType: str) -> None:
        """``reactor.fireSystemEvent()``."""
        if eventType == "shutdown" and not self._is_over:
            self._life.lifecycle.handle(shutdown_event(self._reactor))
        else:
            self._native["fireSystemEvent"](eventType)


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
