"""A Twisted reactor as a host: any with IReactorFDSet and IReactorTime."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFDSet,
    IReactorThreads,
    IReactorTime,
)
from twisted.internet.posixbase import PosixReactorBase

from triloop.adapters.asyncio_in_twisted.watch import watch
from triloop.adapters.twisted_in_asyncio.guest import GuestReactor
from triloop.private.cpython import running_loop
from triloop.private.reactors import host_loop_of
from triloop.protocol import Callback, Cancellable

if TYPE_CHECKING:
    from triloop.adapters.asyncio_in_twisted.poller import Poller

__all__ = ["CancellableCall", "ReactorHost", "check_host"]

#: Which reactors can be a host; a part of error messages.
_USE = "use the epoll, kqueue, poll, select, asyncio or a GUI reactor"

#: Reactors that run inside another loop.
_GUESTS = (AsyncioSelectorReactor, GuestReactor)


class CancellableCall:
    """A DelayedCall whose ``cancel`` may be called after the call."""

    __slots__ = ("_call",)

    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        """See :meth:`triloop.protocol.Cancellable.cancel`."""
        if self._call.active():
            self._call.cancel()


class ReactorHost:
    """A :class:`~triloop.protocol.Host` that is a Twisted reactor.

    Args:
        reactor: One with IReactorFDSet and IReactorTime.
        poller: The poller of the loop that runs in it.
        interrupt: Ends the reactor's run; the call that began the run raises the given exception.
    """

    #: A reactor has ``iterate``, and a GUI's reactor also runs in nested loops of the GUI.
    nests = True

    def __init__(
        self, reactor: Any, poller: Poller, interrupt: Callable[[BaseException], None]
    ) -> None:
        self.reactor = reactor
        self._poller = poller
        self.interrupt = interrupt

    @property
    def is_paused(self) -> bool:
        """Whether the reactor was started in an asyncio loop which does not run at present."""
        loop = host_loop_of(self.reactor)
        return hasattr(self.reactor, "follow") and not loop.is_running()

    @property
    def is_guest(self) -> bool:
        """Whether the reactor itself runs inside another loop, or is about to.

        Twisted's own AsyncioSelectorReactor fires its startup events before it runs its loop.
        """
        running = running_loop()
        return running is not None or isinstance(self.reactor, _GUESTS)

    # triloop.protocol.Host

    def watch(self, fd: int, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.watch`."""
        return watch(self.reactor, self._poller, callback)

    def call_later(self, delay: float, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.call_later`."""
        return CancellableCall(self.reactor.callLater(delay, callback))

    def call_soon(self, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.call_soon`."""
        return CancellableCall(self.reactor.callLater(0, callback))

    def call_soon_threadsafe(self, callback: Callback) -> None:
        """See :meth:`triloop.protocol.Host.call_soon_threadsafe`."""
        self.reactor.callFromThread(callback)


def check_host(reactor: Any) -> None:
    """Check that ``reactor`` can be a host.

    Raises:
        TypeError: It cannot watch descriptors, or does not poll them.
    """
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
