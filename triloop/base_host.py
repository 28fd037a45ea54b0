"""A base class for hosts that an application brings: it has what all of them need."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

    from triloop.protocol import Callback

__all__ = ["BaseHost"]


class _Request:
    """A callback that a loop was asked to call; see :class:`triloop.protocol.Cancellable`."""

    __slots__ = ("_callback", "_undo")

    def __init__(self, callback: Callback) -> None:
        self._callback: Callback | None = callback
        self._undo: Callback | None = None

    def made(self, undo: Callback) -> _Request:
        """Note how the request is taken back."""
        self._undo = undo
        return self

    def readable(self) -> None:
        """Call the callback, unless the request was cancelled."""
        if self._callback is not None:
            self._callback()

    def expired(self) -> None:
        """Call the callback for the last time."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()

    def cancel(self) -> None:
        """See :meth:`triloop.protocol.Cancellable.cancel`."""
        if self._callback is not None:
            self._callback = None
            if self._undo is not None:
                self._undo()


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
    a guest's callback has raised to end the run (KeyboardInterrupt, SystemExit) is raised again.

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

    @abstractmethod
    def add_reader(self, fd: int, callback: Callback) -> Callback:
        """Have the loop call ``callback`` whenever ``fd`` is readable (level-triggered).

        Args:
            fd: A descriptor; it is watched once at a time.
            callback: Takes no arguments, and raises nothing.

        Returns:
            A function that ends that. It may be called within the callback.
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
        self._calls: deque[Callback] = deque()
        self._wakes, self._waker = socket.socketpair()
        for end in (self._wakes, self._waker):
            end.setblocking(False)
        self._watch = self.watch(self._wakes.fileno(), self._woken)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.cancel()
        if self._wakes is not None:
            self._wakes.close()
        self._wakes = None
        self._waker.close()
        reason, self._reason = self._reason, None
        if reason is not None:
            raise reason

    # triloop.protocol.Host

    def watch(self, fd: int, callback: Callback) -> _Request:
        """See :meth:`triloop.protocol.Host.watch`."""
        if self._wakes is None:
            raise RuntimeError(f"{self!r} is not in use: run your loop in a block, `with host:`")
        request = _Request(callback)
        return request.made(self.add_reader(fd, request.readable))

    def call_later(self, delay: float, callback: Callback) -> _Request:
        """See :meth:`triloop.protocol.Host.call_later`."""
        request = _Request(callback)
        return request.made(self.add_timer(delay, request.expired))

    def call_soon(self, callback: Callback) -> _Request:
        """See :meth:`triloop.protocol.Host.call_soon`."""
        return self.call_later(0, callback)

    def call_soon_threadsafe(self, callback: Callback) -> None:
        """See :meth:`triloop.protocol.Host.call_soon_threadsafe`."""
        self._calls.append(callback)
        with suppress(BlockingIOError):  # full: it is readable, so the loop will wake
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
