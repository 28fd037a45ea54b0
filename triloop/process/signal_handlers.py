"""Signal handlers: which library owns one, and a guard around those that may raise."""

from __future__ import annotations

import asyncio
import signal
import threading
from _signal import getsignal as _plain_getsignal  # type: ignore[import-not-found]  # no stub
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any

from twisted.internet.base import ReactorBase

from triloop.private.cpython import HANDLED_BY_LOOP

__all__ = [
    "Guard",
    "Handler",
    "LoopShare",
    "belongs_to_loop",
    "belongs_to_twisted",
    "in_main_thread",
    "put_back_wakeup",
    "reset_handlers",
    "unguarded",
]

Handler = Callable[[int, FrameType | None], Any] | int | None


class LoopShare:
    """The base class of objects that handle signals for an asyncio loop."""


def in_main_thread() -> bool:
    """Whether signal handlers can be set here: Python allows it in the main thread only."""
    return threading.current_thread() is threading.main_thread()


def put_back_wakeup(fd: int) -> bool:
    """Set the wake-up descriptor again that was set before.

    Args:
        fd: The descriptor; it may have been closed since. AsyncioSelectorReactor leaves its own
            set when its run ends.

    Returns:
        Whether it could be set; otherwise there is none now.
    """
    try:
        signal.set_wakeup_fd(fd)
    except (OSError, ValueError):  # closed, and perhaps another file by now
        signal.set_wakeup_fd(-1)
        return False
    return True


def reset_handlers(kept: Collection[int]) -> None:
    """Undo what reactors and loops have set, in a child of ``os.fork`` or at exit.

    Args:
        kept: The signals that keep their handlers.
    """
    for number in signal.valid_signals() - set(kept):
        handler = unguarded(_plain_getsignal(number))
        owner = type(getattr(handler, "__self__", None)).__module__
        ours = owner.partition(".")[0] == "triloop"
        if ours or belongs_to_loop(handler) or belongs_to_twisted(handler):
            own = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, own)


def unguarded(handler: Handler) -> Handler:
    """A handler without the guards around it."""
    while isinstance(handler, Guarded):
        handler = handler.handler
    return handler


def belongs_to_loop(handler: Handler) -> bool:
    """Whether ``add_signal_handler`` of an asyncio loop, ours or another, has set it."""
    owner = getattr(handler, "__self__", None)
    return handler is HANDLED_BY_LOOP or isinstance(owner, (asyncio.AbstractEventLoop, LoopShare))


def belongs_to_twisted(handler: Handler) -> bool:
    """Whether a Twisted reactor has set it."""
    owner = getattr(handler, "__self__", None)
    module = getattr(handler, "__module__", None)
    return isinstance(owner, ReactorBase) or module == "twisted.internet._signals"


class Guard:
    """Turns an exception of a signal handler into an interrupt of the run.

    Raised in the middle of Twisted's own code, it would be logged, or end a connection. So it is
    kept until the reactor's next pass. If the reactor has made no pass since the previous signal,
    it is in code that does not return: then the exception is raised at once.
    """

    def __init__(
        self,
        call_from_thread: Callable[..., None],
        interrupt: Callable[[BaseException], None],
        in_turn: Callable[[], bool],
    ) -> None:
        self._call_from_thread = call_from_thread
        self._interrupt = interrupt
        self._in_turn = in_turn
        self._had_pass = True
        self._active = False
        self._pending: BaseException | None = None

    def install(self) -> None:
        """Guard all handlers that could raise."""
        self._active = True
        for number in signal.valid_signals():
            # signal.getsignal looks for an enum's member, which takes fifty times as long.
            handler = _plain_getsignal(number)
            if callable(handler):
                signal.signal(number, self.wrap(handler))

    def remove(self) -> None:
        """Remove the guards; one that other code has kept only calls its handler from now on."""
        self._active = False
        for number in signal.valid_signals():
            handler = _plain_getsignal(number)
            if self.unwrap(handler) is not handler:
                signal.signal(number, self.unwrap(handler))

    def wrap(self, handler: Handler) -> Handler:
        """``handler``, guarded if it could raise."""
        if not callable(handler) or (isinstance(handler, Guarded) and handler.guard is self):
            return handler
        if belongs_to_loop(handler) or belongs_to_twisted(handler):
            return handler  # these schedule, and never raise
        return Guarded(self, handler)

    def unwrap(self, handler: Handler) -> Handler:
        """The handler that ``handler`` guards, if the guard is this one; else ``handler``."""
        if isinstance(handler, Guarded) and handler.guard is self:
            return handler.handler
        return handler

    def call(self, handler: Callable[..., Any], number: int, frame: FrameType | None) -> None:
        """Run a guarded handler."""
        if not self._active:
            handler(number, frame)
            return
        stuck = not self._had_pass
        self._had_pass = False
        self._call_from_thread(self._note_pass)
        try:
            handler(number, frame)
        except BaseException as reason:
            if self._in_turn():
                raise
            self._pending = reason
            if stuck:
                raise

    def _note_pass(self) -> None:
        self._had_pass = True
        reason = self.take_pending()
        if reason is not None:
            self._interrupt(reason)

    def take_pending(self) -> BaseException | None:
        """The exception that has not interrupted the run yet, if there is one; it is cleared."""
        reason, self._pending = self._pending, None
        return reason


class Guarded:
    """A signal handler behind a guard."""

    def __init__(self, guard: Guard, handler: Callable[..., Any]) -> None:
        self.guard = guard
        self.handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.guard.call(self.handler, number, frame)
