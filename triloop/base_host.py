"""A base class for hosts that an application brings: it has what all of them need."""

from __future__ import annotations

import signal
import socket
import threading
import time
import warnings
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

    from triloop.protocol import Callback

__all__ = ["BaseHost"]

#: So many timers in a row that came early are no accident: the loop spins until each is due.
MANY_EARLY = 10


class _Block:
    """The ``with`` block of a host: what its requests are checked against.

    Args:
        host: The host.
    """

    def __init__(self, host: BaseHost) -> None:
        self.host = host
        self.thread = threading.get_ident()
        #: Whether the host was asked for a timer, and whether it has called anything.
        self.asked = self.called = False
        self._early = 0

    def check_thread(self, method: str) -> None:
        """Refuse a call in another thread."""
        self.called = True
        if threading.get_ident() != self.thread:
            raise RuntimeError(
                f"{self.host!r} calls back in another thread than that of its block, "
                f"{threading.current_thread().name}: {method} has to have the loop call, which "
                "runs within the block"
            )

    def deliver(self, callback: Callback) -> None:
        """Call a callback; what it raises ends the run: the loop is not made for that."""
        try:
            callback()
        except BaseException as problem:  # noqa: BLE001 - raised again at the end of the block
            self.host.interrupt(problem)

    def note_early(self, early: bool) -> None:
        """Count the timers that come early, one after the other, and warn once of many."""
        self._early = self._early + 1 if early else 0
        if self._early == MANY_EARLY:
            warnings.warn(
                f"{self.host!r}: timers come early again and again, and the loop spins until they "
                "are due: add_timer has to round its delay up, as by math.ceil",
                RuntimeWarning,
                stacklevel=3,
            )

    def warn_if_silent(self) -> None:
        """Warn of a loop that has called nothing, at the end of the block."""
        if self.asked and not self.called:
            warnings.warn(
                f"{self.host!r} has called none of its callbacks: nothing ran its loop within the "
                "block, or add_timer and add_reader do not tell the loop",
                RuntimeWarning,
                stacklevel=3,
            )


class _Request:
    """A callback that a loop was asked to call; see :class:`triloop.protocol.Cancellable`."""

    __slots__ = ("_block", "_callback", "_method", "_undo")

    def __init__(self, block: _Block, method: str, callback: Callback) -> None:
        self._block = block
        self._method = method
        self._callback: Callback | None = callback
        self._undo: Callback | None = None

    def made(self, undo: Callback) -> Self:
        """Note how the request is taken back."""
        if not callable(undo):
            raise TypeError(
                f"{self._block.host!r}: {self._method} has to return a function that takes the "
                f"request back; it returned {undo!r}"
            )
        self._undo = undo
        return self

    def readable(self) -> None:
        """Call the callback, unless the request was cancelled."""
        if self._callback is not None:
            self._check()
            self._block.deliver(self._callback)

    def cancel(self) -> None:
        """See :meth:`triloop.protocol.Cancellable.cancel`."""
        if self._callback is not None:
            self._callback = None
            if self._undo is not None:
                self._undo()

    def _check(self) -> None:
        """Refuse a call in a wrong thread, or one that comes before the request is made."""
        self._block.check_thread(self._method)
        if self._undo is None:
            raise RuntimeError(
                f"{self._block.host!r}: {self._method} has called its callback itself: it has to "
                "return first, and the loop to call later"
            )


class _Timer(_Request):
    """One that is called once, at a time."""

    __slots__ = ("_due", "_expired")

    def __init__(self, block: _Block, method: str, callback: Callback, delay: float) -> None:
        super().__init__(block, method, callback)
        self._due = time.monotonic() + delay if delay else 0.0
        self._expired = False

    def expired(self) -> None:
        """Call the callback, unless the request was cancelled."""
        if self._expired:
            raise RuntimeError(
                f"{self._block.host!r}: {self._method} has to make a timer that calls once; this "
                "one has called again"
            )
        callback = self._callback
        if callback is not None:
            self._check()
            self._callback, self._expired = None, True
            early = time.monotonic() < self._due
            self._block.deliver(callback)
            if self._due:
                self._block.note_early(early)


class BaseHost(ABC):
    """A :class:`triloop.protocol.Host` made of three methods, for a loop of your own.

    ::

        class MyHost(triloop.BaseHost):
            def add_reader(self, fd, callback): ...
            def add_timer(self, delay, callback): ...
            def quit(self): ...


        with MyHost() as host, triloop.loop_on(host) as loop:
            ...  # run your loop

    It is a context manager, around the run of the loop. At the end of its block an exception that
    a guest's callback has raised to end the run (KeyboardInterrupt, SystemExit) is raised again. In
    the main thread, Ctrl-C ends the run in the same way, and a signal wakes the loop.

    All methods belong to the loop's thread, save :meth:`call_soon_threadsafe`.

    Attributes:
        nests: Whether the loop may run within one of its own callbacks, as GUI loops do for a
            dialog. A class sets it.
    """

    nests = False

    _wakes: socket.socket | None = None
    _waker: socket.socket
    _watch: _Request
    _reason: BaseException | None = None
    _block: _Block

    @abstractmethod
    def add_reader(self, fd: int, callback: Callback) -> Callback:
        """Have the loop call ``callback`` whenever ``fd`` is readable (level-triggered).

        Args:
            fd: A descriptor; it is watched once at a time.
            callback: Takes no arguments, and raises nothing.

        Returns:
            A function that ends that, at once: ``fd`` may be closed next. It may be called within
            the callback.
        """

    @abstractmethod
    def add_timer(self, delay: float, callback: Callback) -> Callback:
        """Have the loop call ``callback`` once.

        Args:
            delay: Seconds from now, rounded up. 0: once the loop has polled its own I/O again.
            callback: Takes no arguments, and raises nothing.

        Returns:
            A function that cancels the call. It is not called after the callback.
        """

    @abstractmethod
    def quit(self) -> object:
        """End the run of the loop; from one of its callbacks."""

    def __enter__(self) -> Self:
        if self._wakes is not None:
            raise RuntimeError(f"{self!r} is in use already: one `with` block at a time")
        self._block = _Block(self)
        self._calls: deque[Callback] = deque()
        self._wakes, self._waker = socket.socketpair()
        for end in (self._wakes, self._waker):
            end.setblocking(False)
        try:
            self._watch = self.watch(self._wakes.fileno(), self._woken)
        except BaseException:
            self._close()
            raise
        self._take_interrupts()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_back_interrupts()
        self._watch.cancel()
        self._close()
        reason, self._reason = self._reason, None
        if reason is not None:
            raise reason
        if kind is None:
            self._block.warn_if_silent()

    def _close(self) -> None:
        if self._wakes is not None:
            self._wakes.close()
        self._wakes = None
        self._waker.close()

    def _take_interrupts(self) -> None:
        """Have a signal wake the loop, and Ctrl-C end its run from a callback.

        Many loops run no Python code until something happens; and a KeyboardInterrupt that comes in
        one of their callbacks is printed, or lost.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        present = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        if present != -1:
            signal.set_wakeup_fd(present, warn_on_full_buffer=False)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._pressed)

    def _give_back_interrupts(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        present = signal.set_wakeup_fd(-1)
        if present not in {-1, self._waker.fileno()}:
            signal.set_wakeup_fd(present, warn_on_full_buffer=False)
        if signal.getsignal(signal.SIGINT) == self._pressed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _pressed(self, number: int, frame: FrameType | None) -> None:
        """Handle Ctrl-C; the second one raises at once, as it does without a host."""
        if self._reason is not None:
            raise KeyboardInterrupt
        self._reason = KeyboardInterrupt()
        self.call_soon_threadsafe(self.quit)

    def _in_use(self) -> _Block:
        if self._wakes is None:
            raise RuntimeError(f"{self!r} is not in use: run your loop in a block, `with host:`")
        return self._block

    # triloop.protocol.Host

    def watch(self, fd: int, callback: Callback) -> _Request:
        """See :meth:`triloop.protocol.Host.watch`."""
        request = _Request(self._in_use(), "add_reader", callback)
        return request.made(self.add_reader(fd, request.readable))

    def call_later(self, delay: float, callback: Callback) -> _Request:
        """See :meth:`triloop.protocol.Host.call_later`."""
        block = self._in_use()
        block.asked = True
        request = _Timer(block, "add_timer", callback, delay)
        return request.made(self.add_timer(delay, request.expired))

    def call_soon(self, callback: Callback) -> _Request:
        """See :meth:`triloop.protocol.Host.call_soon`."""
        return self.call_later(0, callback)

    def call_soon_threadsafe(self, callback: Callback) -> None:
        """See :meth:`triloop.protocol.Host.call_soon_threadsafe`."""
        self._calls.append(callback)
        # Full: it is readable, so the loop will wake. Closed: the block has just ended.
        with suppress(OSError):
            self._waker.send(b"\0")

    def _woken(self) -> None:
        assert self._wakes is not None
        self._wakes.recv(4096)
        for _ in range(len(self._calls)):
            self._calls.popleft()()

    def interrupt(self, reason: BaseException) -> None:
        """See :meth:`triloop.protocol.Host.interrupt`; the end of the block raises ``reason``."""
        self._reason = self._reason or reason
        self.quit()
