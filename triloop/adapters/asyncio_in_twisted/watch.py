"""How a reactor watches the poller of the loop that runs in it.

Any reactor can watch it like a socket; then what is ready in the loop is found by two polls, first
the reactor's, then the loop's. If the reactor waits in an epoll, the loop's can as well watch that
one: a wait in the loop's ends for both, and what is ready in the reactor is found by two polls. So
the one waits that had work last::

    waits    | watches      | work for the loop          | work for the reactor alone
    ---------+--------------+----------------------------+-----------------------------
    reactor  | the loop     | the loop waits from now on |
    loop     | the reactor  |                            | many times in a row: the
             |              |                            |   reactor waits from now on
"""

from __future__ import annotations

from contextvars import Context
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python import context
from twisted.python.log import ILogContext
from zope.interface import implementer

from triloop.adapters.asyncio_in_twisted.poller import RAW
from triloop.adapters.twisted_in_asyncio.guest import GuestReactor
from triloop.adapters.twisted_in_asyncio.log_contexts import keeps_log_context
from triloop.adapters.twisted_in_asyncio.poller import POLLER, LeanReactor, PollReactor
from triloop.private.reactors import (
    add_internal_reader,
    internal_readers,
    remove_internal_reader,
)

if TYPE_CHECKING:
    from triloop.adapters.asyncio_in_twisted.poller import Poller
    from triloop.protocol import Callback, Cancellable

__all__ = ["watch"]

#: What Twisted's log gives as the origin of an event in a turn of the loop.
_SYSTEM = "asyncio"
_LOG_CONTEXT = {ILogContext: {"isError": 0, "system": _SYSTEM}}
#: Waits in a row with work for the reactor alone, after which it waits itself. To change over twice
#: costs about as much as so many polls.
_MANY = 8
#: The methods that do nothing but wait in an epoll, and call what it finds.
_WAITS = (PollReactor.doPoll, LeanReactor.doPoll) if RAW else ()


def watch(reactor: Any, poller: Poller, callback: Callback) -> Cancellable:
    """Call ``callback`` whenever something is ready in a loop's poller.

    Args:
        reactor: The reactor that the loop runs in.
        poller: The loop's poller. It may know already what is ready when ``callback`` is called.
        callback: Gives the loop a turn.
    """
    waits = getattr(reactor.doIteration, "__func__", None) in _WAITS
    if waits and not isinstance(reactor, GuestReactor):  # a guest never waits
        return _EitherWay(reactor, poller, callback)
    return _Reader(reactor, poller.fileno(), callback)


@keeps_log_context
@implementer(IReadDescriptor)
class _Reader:
    """The descriptor of a loop's poller, watched by a reactor.

    It is one of the reactor's internal readers: like the reactor's waker, ``removeAll`` passes it
    over, so that ``disconnectAll`` does not cut the loop off.
    """

    logstr = _SYSTEM

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
        return self.logstr

    def connectionLost(self, reason: object) -> None:
        """Do nothing: the loop closes its descriptor."""

    def cancel(self) -> None:
        if self in internal_readers(self._reactor):
            remove_internal_reader(self._reactor, self)


class _EitherWay:
    """The epolls of a reactor and a loop, one of which watches the other.

    While the loop's waits, :meth:`wait` takes the place of the reactor's ``doIteration``.

    Args:
        reactor: A reactor that waits in an epoll.
        poller: The loop's poller.
        callback: Gives the loop a turn, which begins with ``poller.select()``.
    """

    def __init__(self, reactor: Any, poller: Poller, callback: Callback) -> None:
        self._reactor, self._poller, self._callback = reactor, poller, callback
        self._poll, self._keys = poller.poll, poller.keys
        self._poll_reactor = reactor.doIteration
        self._log_contexts = context.theContextTracker.currentContext().contexts
        #: While the reactor waits, what it watches.
        self._reader: _Reader | None = None
        #: While the loop waits, what its poller finds when something is ready in the reactor.
        self._inner: tuple[int, int] | None = None
        #: How many waits in a row had work for the reactor alone.
        self._idle = 0
        self._let_reactor_wait()

    def _let_reactor_wait(self) -> None:
        self.cancel()
        self._reader = _Reader(self._reactor, self._poller.fileno(), self._found_by_reactor)

    def _let_loop_wait(self) -> None:
        self.cancel()
        self._inner = self._poller.watch_inner(getattr(self._reactor, POLLER).fileno())
        self._idle = 0
        self._reactor.doIteration = self.wait

    def _found_by_reactor(self) -> None:
        try:
            self._let_loop_wait()
        except OSError:  # the kernel refuses the watch
            self._let_reactor_wait()
        self._callback()

    def wait(self, timeout: float | None) -> None:
        """Wait up to ``timeout`` seconds (None: for ever), then call whatever is ready."""
        inner = self._inner
        if inner is None:  # code that has wrapped this method goes on calling it
            self._poll_reactor(timeout)
            return
        poll = self._poll  # to call it as an attribute is slower on Python 3.11
        found = poll(timeout, len(self._keys))
        if inner in found:
            self._poll_both(found)
        elif found:
            self._turn(found)

    def _turn(self, found: list[tuple[int, int]]) -> None:
        self._idle = 0
        self._poller.found = found
        contexts, turn = self._log_contexts, self._callback
        contexts.append(_LOG_CONTEXT)
        try:
            turn()
        finally:
            contexts.pop()

    def _poll_both(self, found: list[tuple[int, int]]) -> None:
        """Call what is ready in the loop, and then what the reactor's own poll finds."""
        if len(found) > 1:
            self._turn(found)
        else:
            self._note_idle()
        if self._inner or self._reader:  # the turn may have ended the run
            self._poll_reactor(0)

    def _note_idle(self) -> None:
        self._idle += 1
        if self._idle == _MANY:
            try:
                Context().run(self._let_reactor_wait)
            except OSError:
                self._let_loop_wait()

    def cancel(self) -> None:
        """Watch no longer: the reactor waits by itself."""
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        if self._inner is not None:
            self._poller.unwatch_inner(self._inner)
            self._inner = None
            held = vars(self._reactor)
            if held.get("doIteration") == self.wait:
                del held["doIteration"]
