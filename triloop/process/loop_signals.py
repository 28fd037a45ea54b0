"""The signals of a loop in a reactor.

A process has one handler for each signal, and one wake-up descriptor.

Both Twisted and asyncio expect to own these. The loop takes them over, and forwards what it reads
to the descriptor that was set before.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from twisted.internet.interfaces import IReactorProcess

from triloop.process.children import is_watched, reap_unwatched
from triloop.process.signal_handlers import (
    Guard,
    Handler,
    LoopShare,
    belongs_to_loop,
    belongs_to_twisted,
    in_main_thread,
    put_back_wakeup,
)

__all__ = ["SharedSignals"]


class SharedSignals(LoopShare):
    """The share of one selector loop in the process's signals.

    CPython's loop sets the wake-up descriptor to its own self-pipe, and a handler that does
    nothing, whatever was set before; Twisted does the same. Here the loop remembers both. Every
    signal that it reads from its pipe is written to the earlier descriptor too, and an earlier
    handler is put back when ``remove_signal_handler`` is called.

    Args:
        fd: The writing end of the loop's self-pipe.
        handlers: The loop's own table of signal handlers.
        handle: Has the loop run the handler of a signal in its next turn.
        reactor: The reactor that the loop runs in.
    """

    def __init__(
        self, fd: int, handlers: dict[int, Any], handle: Callable[[int], None], reactor: Any
    ) -> None:
        self._fd = fd
        self._handlers = handlers
        self._handle = handle
        self._reactor = reactor
        self._guard: Guard | None = None
        #: Whether this loop reaps the reactor's children.
        self._reaps = False
        self._before: dict[int, Handler] = {}
        self._next_fd = -1
        self._next_is: tuple[int, int] | None = None

    def release(self) -> None:
        """Drop the reference to the loop, which is closed, so that no reference cycle remains."""
        del self._handle

    def _wants(self, number: int) -> bool:
        return number in self._handlers or (self._reaps and number == signal.SIGCHLD)

    def claim(self) -> None:
        """Set the loop's handlers and wake-up descriptor again: Twisted may have replaced them."""
        numbers = set(self._handlers)
        if self._reaps:
            numbers.add(signal.SIGCHLD)
        if not numbers or not in_main_thread():
            return
        for number in numbers:
            self._take_handler(number)
        self._take_descriptor()

    def _take_handler(self, number: int) -> None:
        present = signal.getsignal(number)
        new = number not in self._before
        # Other code may have set a handler since: that one stays.
        gone = number == signal.SIGCHLD and present == signal.SIG_DFL  # so Twisted leaves it
        if new or gone or belongs_to_twisted(present):
            self._before[number] = present
            self._set_handler(number)
        if new and number == signal.SIGCHLD:
            reap_unwatched()  # children that ended earlier send no further signal

    def _set_handler(self, number: int) -> None:
        signal.signal(number, self._on_signal)
        signal.siginterrupt(number, False)

    def _take_descriptor(self) -> bool:
        """Have signals written to the loop's pipe; True if they were not before."""
        owner = signal.set_wakeup_fd(self._fd)
        if owner not in {-1, self._fd}:
            self._next_fd, self._next_is = owner, _identity(owner)
        return owner != self._fd

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal that the loop wants.

        The loop reads the number from its pipe, so there is nothing to do here; unless the wake-up
        descriptor belonged to other code: then the loop has not seen this signal.
        """
        if not self._wants(number):
            # Other code saved this handler during a run, and has put it back since.
            signal.signal(number, signal.SIG_DFL)
            return
        if self._take_descriptor():
            self._deliver(number)
        before = self._before.get(number)
        if number not in self._handlers and callable(before) and not belongs_to_loop(before):
            before(number, frame)

    def _deliver(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reactor.callFromThread(reap_unwatched)
        self._handle(number)

    def pass_on(self, numbers: bytes) -> None:
        """Forward the signals that were read from the loop's self-pipe."""
        if signal.SIGCHLD in numbers:
            reap_unwatched()
        if self._next_alive():
            # A full pipe has woken its owner already; one without a reader has no owner.
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._next_fd, numbers)

    def _next_alive(self) -> bool:
        """Whether the descriptor that was set before is still open, and the same file."""
        return self._next_is is not None and _identity(self._next_fd) == self._next_is

    @contextlib.contextmanager
    def taking(self, number: int) -> Iterator[None]:
        """Wrap the loop's ``add_signal_handler``, and keep the handler from before."""
        if not in_main_thread() or number not in signal.valid_signals():
            yield  # the loop raises the error
            return
        present = signal.getsignal(number)
        owner = signal.set_wakeup_fd(-1)
        try:
            yield
        except BaseException:
            put_back_wakeup(owner)
            raise
        if present != self._on_signal:
            self._before[number] = present
        self._set_handler(number)
        put_back_wakeup(owner)
        self._take_descriptor()

    @contextlib.contextmanager
    def releasing(self, number: int) -> Iterator[None]:
        """Wrap the loop's ``remove_signal_handler``, and put back the handler from before."""
        if not in_main_thread():
            yield
            return
        owner = signal.set_wakeup_fd(-1)
        try:
            yield
        finally:
            self._release_handler(number)
            self._release_descriptor(owner)

    def _release_handler(self, number: int) -> None:
        """Put back the handler from before, unless the loop still wants the signal."""
        if self._wants(number):
            self._set_handler(number)
        elif number in self._before:
            before = self._before.pop(number)
            if self._guard is not None:
                before = self._guard.wrap(before)
            signal.signal(number, signal.SIG_DFL if before is None else before)

    def _release_descriptor(self, owner: int) -> None:
        """Put back the descriptor that was set before, unless the loop still wants signals."""
        if owner == self._fd and not self._handlers and not self._reaps:
            owner = self._next_fd if self._next_alive() else -1
            self._next_fd, self._next_is = -1, None
        put_back_wakeup(owner)

    def reset(self, *, ran: bool) -> None:
        """Reset in a child that ``os.fork`` has made, and that has no wake-up descriptor yet.

        Args:
            ran: Whether the loop ran in the parent. If so, the handlers from before are put back;
                otherwise the loop's are set again.
        """
        if self._guard is not None:
            self._guard.remove()
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
        """Wrap a run of the reactor that was started by the loop, not by ``reactor.run()``.

        Twisted does not handle signals then, so its child processes are reaped here. And a
        handler that raises, as Python's own for SIGINT does, has to end the run with that
        exception. Within the loop's own turn it does so anyway; elsewhere Twisted would log it and
        go on.

        Args:
            interrupt: Ends the run with an exception.
            in_turn: Says whether the loop is in a turn.
        """
        if not in_main_thread():
            yield
            return
        guard = self._guard = Guard(self._reactor.callFromThread, interrupt, in_turn)
        guard.install()
        self._reaps = IReactorProcess.providedBy(self._reactor) and not is_watched(self._reactor)
        try:
            yield
        finally:
            self._end_reaping()
            self._guard = None
            self._before = {number: guard.unwrap(old) for number, old in self._before.items()}
            guard.remove()
            reason = guard.take_pending()
        if reason is not None:
            raise reason

    def _end_reaping(self) -> None:
        self._reaps = False
        if signal.SIGCHLD in self._handlers:
            return
        if signal.getsignal(signal.SIGCHLD) == self._on_signal:
            self._release_handler(signal.SIGCHLD)
        else:
            self._before.pop(signal.SIGCHLD, None)
        self._release_descriptor(signal.set_wakeup_fd(-1))


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino
