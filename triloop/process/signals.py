"""The process-wide signal state: one owner.

There is one handler a signal and one wake-up descriptor a process, and both Twisted and asyncio
believe they are theirs. Here they are shared out: reactors put their handlers where they found
none, and take them away again; loops hand on what they hear to whoever listened before.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from _signal import getsignal as _plain_getsignal  # type: ignore[import-not-found]  # no stub
from asyncio.unix_events import (  # type: ignore[attr-defined]
    _sighandler_noop,  # the mark of a handler that asyncio owns
)
from types import FrameType
from typing import TYPE_CHECKING, Any

from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import IReactorProcess

from triloop.process.children import is_watched, reap_unwatched

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from twisted.internet.posixbase import PosixReactorBase

    Handler = Callable[[int, FrameType | None], Any] | int | None

__all__ = ["ReactorSignals", "SharedSignals", "reset_handlers"]


class ReactorSignals:
    """SIGINT and SIGTERM stop a reactor, as long as it runs by ``reactor.run()``.

    As with Twisted's own reactors, SIGINT is left to whoever asked for it before, and SIGTERM is
    taken; but not from an asyncio loop, whose user set a handler on purpose.
    """

    def __init__(self, reactor: PosixReactorBase) -> None:
        self._reactor = reactor
        self._wanted: dict[int, Handler] = {
            signal.SIGINT: reactor.sigInt,
            signal.SIGTERM: reactor.sigTerm,
            # Where it is ignored, the kernel throws away the exit status of every child.
            signal.SIGCHLD: signal.SIG_DFL,
        }
        self._replaced: dict[int, Handler] = {}
        self._wakeup_fd = -1

    def install(self) -> None:
        """Set the handlers; for the main thread only, as Python has it."""
        for number, handler in self._wanted.items():
            present = _bare(signal.getsignal(number))
            if self._is_free(number, present):
                signal.signal(number, handler)
                self._replaced[number] = present
        self._install_wakeup()

    @staticmethod
    def _is_free(number: int, present: Handler) -> bool:
        if number == signal.SIGINT:
            return present == signal.default_int_handler
        if number == signal.SIGCHLD:
            return present == signal.SIG_IGN
        return not _belongs_to_loop(present)

    def _install_wakeup(self) -> None:
        """Have signals that another thread receives wake the reactor, unless a loop sees to it."""
        owner = signal.set_wakeup_fd(-1)
        if owner != -1:
            signal.set_wakeup_fd(owner)
            return
        self._wakeup_fd = self._reactor.waker.writing_fileno()
        signal.set_wakeup_fd(self._wakeup_fd)
        # The waker is closed when the reactor is, and its number goes to another file.
        self._reactor.addSystemEventTrigger("during", "shutdown", self._uninstall_wakeup)

    def _uninstall_wakeup(self) -> None:
        if self._wakeup_fd != -1:
            owner = signal.set_wakeup_fd(-1)
            if owner != self._wakeup_fd:
                signal.set_wakeup_fd(owner)
            self._wakeup_fd = -1

    def uninstall(self) -> None:
        """Put back what was there, where the handler is still ours. Idempotent."""
        for number, previous in self._replaced.items():
            if signal.getsignal(number) == self._wanted[number]:
                signal.signal(number, previous)
        self._replaced.clear()
        self._uninstall_wakeup()


class SharedSignals:
    """The share of one selector loop in the process's signals.

    CPython's loop sets the wake-up descriptor to its own self-pipe and a handler that does
    nothing, without regard to who had them before; Twisted does the same. Here the loop takes
    them over and remembers: every signal it reads from its pipe is handed on to the descriptor
    that was set before, and handlers are put back when the loop's user removes his.

    :param fd: the writing end of the loop's self-pipe.
    :param handlers: the loop's own table of signal handlers, as it stands.
    :param handle: the loop's own way to run the handler of a signal in its next turn.
    :param reactor: the reactor that the loop runs in.
    """

    def __init__(
        self, fd: int, handlers: dict[int, Any], handle: Callable[[int], None], reactor: Any
    ) -> None:
        self._fd = fd
        self._handlers = handlers
        self._handle = handle
        self._reactor = reactor
        self._guard: _Guard | None = None
        #: Whether the reactor's children are told of by this loop.
        self._reaps = False
        self._before: dict[int, Handler] = {}
        self._next_fd = -1
        self._next_is: tuple[int, int] | None = None

    def release(self) -> None:
        """Let go of the loop, which is closed: no cycle of references shall outlive it."""
        del self._handle

    def _wants(self, number: int) -> bool:
        return number in self._handlers or (self._reaps and number == signal.SIGCHLD)

    def claim(self) -> None:
        """Take what the loop wants of the process; for when Twisted may have taken it."""
        numbers = set(self._handlers)
        if self._reaps:
            numbers.add(signal.SIGCHLD)
        if not numbers or not _in_main_thread():
            return
        for number in numbers:
            self._take_handler(number)
        self._take_descriptor()

    def _take_handler(self, number: int) -> None:
        present = signal.getsignal(number)
        new = number not in self._before
        # What anybody else has set since is there on purpose.
        gone = number == signal.SIGCHLD and present == signal.SIG_DFL  # so Twisted leaves it
        if new or gone or _belongs_to_twisted(present):
            self._before[number] = present
            self._set_heard(number)
        if new and number == signal.SIGCHLD:
            reap_unwatched()  # of children that ended earlier no signal tells any more

    def _set_heard(self, number: int) -> None:
        signal.signal(number, self._heard)
        signal.siginterrupt(number, False)

    def _take_descriptor(self) -> bool:
        """Have signals written to the loop's pipe; whether they were not before."""
        owner = signal.set_wakeup_fd(self._fd)
        if owner not in {-1, self._fd}:
            self._next_fd, self._next_is = owner, _identity(owner)
        return owner != self._fd

    def _heard(self, number: int, frame: FrameType | None) -> None:
        """The handler of all signals that the loop wants.

        The loop reads the number from its pipe, so there is nothing to do here; unless somebody
        else took the wake-up descriptor: then he was told, and the loop was not.
        """
        if not self._wants(number):
            # Who found this handler during a run has put it back after the loop's last one.
            signal.signal(number, signal.SIG_DFL)
            return
        if self._take_descriptor():
            self._deliver(number)
        before = self._before.get(number)
        if number not in self._handlers and callable(before) and not _belongs_to_loop(before):
            before(number, frame)

    def _deliver(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reactor.callFromThread(reap_unwatched)
        self._handle(number)

    def pass_on(self, data: bytes) -> None:
        """Hand on what was read from the loop's self-pipe: zeros are its own, the rest signals."""
        numbers = data.translate(None, b"\0")
        if not numbers:
            return
        if signal.SIGCHLD in numbers:
            reap_unwatched()
        if self._next_alive():
            # A full pipe has woken its owner already, and one without a reader has none.
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._next_fd, numbers)

    def _next_alive(self) -> bool:
        """Whether the descriptor that was set before is still open, and the same file."""
        return self._next_is is not None and _identity(self._next_fd) == self._next_is

    @contextlib.contextmanager
    def taking(self, number: int) -> Iterator[None]:
        """Around the loop's ``add_signal_handler``, which forgets who was there before."""
        if not _in_main_thread() or number not in signal.valid_signals():
            yield  # and the loop says what is wrong with that
            return
        present = signal.getsignal(number)
        owner = signal.set_wakeup_fd(-1)
        try:
            yield
        except BaseException:
            signal.set_wakeup_fd(owner)
            raise
        if present != self._heard:
            self._before[number] = present
        self._set_heard(number)
        signal.set_wakeup_fd(owner)
        self._take_descriptor()

    @contextlib.contextmanager
    def releasing(self, number: int) -> Iterator[None]:
        """Around the loop's ``remove_signal_handler``, which puts back nobody."""
        if not _in_main_thread():
            yield
            return
        owner = signal.set_wakeup_fd(-1)
        try:
            yield
        finally:
            self._release_handler(number)
            self._release_descriptor(owner)

    def _release_handler(self, number: int) -> None:
        """Put back who had the signal before, unless the loop still wants it."""
        if self._wants(number):
            self._set_heard(number)
        elif number in self._before:
            before = self._before.pop(number)
            if self._guard is not None:
                before = self._guard.around(before)
            signal.signal(number, signal.SIG_DFL if before is None else before)

    def _release_descriptor(self, owner: int) -> None:
        """Put back the descriptor that was set before, unless the loop still wants signals."""
        if owner == self._fd and not self._handlers and not self._reaps:
            owner = self._next_fd if self._next_alive() else -1
            self._next_fd, self._next_is = -1, None
        try:
            signal.set_wakeup_fd(owner)
        except (OSError, ValueError):  # closed, and perhaps another file by now
            signal.set_wakeup_fd(-1)

    def reset(self, *, ran: bool) -> None:
        """In a child that ``os.fork`` has made, and that has no wake-up descriptor yet.

        :param ran: whether the loop ran in the parent: then all is put back, else taken again.
        """
        if self._guard is not None:
            self._guard.uncover()
            self._guard = None
        self._reaps = False
        self._next_fd, self._next_is = -1, None
        if ran:
            self._handlers.clear()
            for number in list(self._before):
                self._release_handler(number)
        else:
            self.claim()

    @contextlib.contextmanager
    def driving(
        self, interrupt: Callable[[BaseException], None], in_turn: Callable[[], bool]
    ) -> Iterator[None]:
        """Around a run of the reactor that the loop's user began, not Twisted's.

        Twisted does not handle signals then, so its child processes are told of here. And a
        handler that raises, as Python's own for SIGINT does, shall end the run by that exception:
        within the loop's own turn it does by itself; Twisted would log it and go on.

        :param interrupt: ends the run with an exception.
        :param in_turn: says whether the loop is in a turn.
        """
        if not _in_main_thread():
            yield
            return
        guard = self._guard = _Guard(self._reactor.callFromThread, interrupt, in_turn)
        guard.cover()
        self._reaps = IReactorProcess.providedBy(self._reactor) and not is_watched(self._reactor)
        try:
            yield
        finally:
            self._end_reaping()
            self._guard = None
            self._before = {number: guard.inside(old) for number, old in self._before.items()}
            guard.uncover()
            reason = guard.take_pending()
        if reason is not None:
            raise reason

    def _end_reaping(self) -> None:
        self._reaps = False
        if signal.SIGCHLD in self._handlers:
            return
        if signal.getsignal(signal.SIGCHLD) == self._heard:
            self._release_handler(signal.SIGCHLD)
        else:
            self._before.pop(signal.SIGCHLD, None)
        self._release_descriptor(signal.set_wakeup_fd(-1))


class _Guard:
    """Turns what a signal handler raises into an interrupt of the run.

    Raised in the middle of Twisted's own code, it would be logged, or cost a connection. So it
    waits for the reactor to come round; but not for one that has not come round since the signal
    before: that is in code which does not return, and has to be broken off.
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
        self._came_round = True
        self._active = False
        self._pending: BaseException | None = None

    def cover(self) -> None:
        """Guard all handlers that could raise."""
        self._active = True
        for number in signal.valid_signals():
            # signal.getsignal looks for an enum's member, which takes fifty times as long.
            handler = _plain_getsignal(number)
            if callable(handler):
                signal.signal(number, self.around(handler))

    def uncover(self) -> None:
        """Guard no longer; a guard that somebody has kept is the handler itself from now on."""
        self._active = False
        for number in signal.valid_signals():
            handler = _plain_getsignal(number)
            if self.inside(handler) is not handler:
                signal.signal(number, self.inside(handler))

    def around(self, handler: Handler) -> Handler:
        """``handler``, guarded if it could raise."""
        if not callable(handler) or (isinstance(handler, _Guarded) and handler.guard is self):
            return handler
        if _belongs_to_loop(handler) or _belongs_to_twisted(handler):
            return handler  # these schedule, and never raise
        return _Guarded(self, handler)

    def inside(self, handler: Handler) -> Handler:
        """What is behind ``handler``, if that is guarded here; else ``handler``."""
        if isinstance(handler, _Guarded) and handler.guard is self:
            return handler.handler
        return handler

    def call(self, handler: Callable[..., Any], number: int, frame: FrameType | None) -> None:
        """Run a handler."""
        if not self._active:
            handler(number, frame)
            return
        stuck = not self._came_round
        self._came_round = False
        self._call_from_thread(self._come_round)
        try:
            handler(number, frame)
        except BaseException as reason:
            if self._in_turn():
                raise
            self._pending = reason
            if stuck:
                raise

    def _come_round(self) -> None:
        self._came_round = True
        reason = self.take_pending()
        if reason is not None:
            self._interrupt(reason)

    def take_pending(self) -> BaseException | None:
        """What was raised and did not interrupt the run yet."""
        reason, self._pending = self._pending, None
        return reason


class _Guarded:
    """A signal handler behind a guard."""

    def __init__(self, guard: _Guard, handler: Callable[..., Any]) -> None:
        self.guard = guard
        self.handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.guard.call(self.handler, number, frame)


def reset_handlers(kept: Collection[int]) -> None:
    """In a child that ``os.fork`` has made: undo what a reactor or loop has set in the parent.

    :param kept: signals whose handlers go on.
    """
    for number in signal.valid_signals() - set(kept):
        handler = _bare(_plain_getsignal(number))
        ours = type(getattr(handler, "__self__", None)).__module__.startswith("triloop.")
        if ours or _belongs_to_loop(handler) or _belongs_to_twisted(handler):
            own = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, own)


def _bare(handler: Handler) -> Handler:
    """A handler without the guards around it."""
    while isinstance(handler, _Guarded):
        handler = handler.handler
    return handler


def _belongs_to_loop(handler: Handler) -> bool:
    """Whether ``add_signal_handler`` of some asyncio loop, ours or another, has put it there."""
    owner = getattr(handler, "__self__", None)
    return handler is _sighandler_noop or isinstance(
        owner, (asyncio.AbstractEventLoop, SharedSignals)
    )


def _belongs_to_twisted(handler: Handler) -> bool:
    """Whether some reactor has put it there."""
    owner = getattr(handler, "__self__", None)
    module = getattr(handler, "__module__", None)
    return isinstance(owner, ReactorBase) or module == "twisted.internet._signals"


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino
