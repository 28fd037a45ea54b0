"""The contextvars context in which a reactor calls a selectable: the selectable's own.

A selectable has one context for all of its life. The reactor calls all its methods in it:
``doRead``, ``doWrite``, ``connectionLost``, and so the callbacks of its protocol. It is a copy of
the context in which the selectable was made, or first added to the reactor.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from twisted.internet import tcp
from twisted.internet.abstract import FileDescriptor
from twisted.python import log
from twisted.python.threadpool import ThreadPool

from triloop.private.twisted import accept

if TYPE_CHECKING:
    from twisted.internet.protocol import Factory

__all__ = [
    "Accepted",
    "Accepting",
    "Connecting",
    "Contexts",
    "InContext",
    "Threads",
    "context_of",
    "in_present_context",
]

#: Connections that a port accepts in a row.
_ACCEPTS = 100

T = TypeVar("T")


def context_of(selectable: Any) -> Context:
    """The context of ``selectable``; one that has none yet gets a copy of the present one.

    It is an attribute of the selectable, so both end together. A selectable that takes no attribute
    is called in an empty context.
    """
    context = getattr(selectable, "reactor_context", None)
    if isinstance(context, Context):  # a proxy may return anything for any name
        return context
    try:
        selectable.reactor_context = context = copy_context()
    except AttributeError:
        return Context()
    return context


def in_present_context(function: Callable[..., T]) -> Callable[..., T]:
    """Wrap ``function``, for one call, so that it runs in a copy of the present context."""
    assert callable(function), f"{function} is not callable"
    return partial(copy_context().run, function)


class Contexts:
    """The contexts that a reactor's callbacks are in, the innermost last.

    There are several while the reactor is iterated from within a callback. A context cannot be
    entered again before it is left, so such a callback runs in a copy.

    An entry is None where a callback of the reactor may run in another context: that of a timed
    call, for instance.
    """

    def __init__(self) -> None:
        self.entered: list[Context | None] = []

    @property
    def present(self) -> Context | None:
        """The context of the present callback; None if it is not a selectable's."""
        return self.entered[-1] if self.entered else None

    def of(self, selectable: Any) -> Context:
        """The context of ``selectable``, or a copy of it where it has been entered."""
        return self._free(context_of(selectable))

    def _free(self, context: Context) -> Context:
        if any(one is context for one in self.entered):
            return context.copy()
        return context

    def call(self, context: Context, function: Callable[..., T], *args: Any) -> T:
        """Call ``function`` in ``context``, which may be the present one."""
        if self.present is context:
            return function(*args)
        context = self._free(context)
        self.entered.append(context)
        try:
            return context.run(function, *args)
        finally:
            self.entered.pop()

    def leave(self, function: Callable[[], T]) -> T:
        """Call ``function``, which runs its callbacks in contexts of their own."""
        if not self.entered:
            return function()
        self.entered.append(None)
        try:
            return function()
        finally:
            self.entered.pop()

    def make(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function that makes a selectable, in a new context that it may take as its own."""
        return self.call(copy_context(), function, *args)


class InContext(FileDescriptor):
    """A selectable with ``connectionLost`` in its own context, whichever code disconnects it."""

    reactor: Any
    reactor_context: Context

    def connectionLost(self, reason: Any) -> None:
        """See :meth:`twisted.internet.interfaces.IReadDescriptor.connectionLost`."""
        self.reactor.contexts.call(context_of(self), super().connectionLost, reason)


class Accepting(InContext, tcp.Port):
    """A listening port that accepts each connection in a new copy of its own context."""

    def doRead(self) -> None:
        """Accept the connections that wait."""
        for _ in range(_ACCEPTS):
            if not self.reactor.contexts.make(self._accept_one) or not self.connected:
                break

    def _accept_one(self) -> bool:
        """Accept one connection; True if there was one. Its protocol may interrupt the run."""
        try:
            for sock, address in accept(self, 1):
                self._serve(sock, address)
                return True
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - the application's; it is logged
            log.err()
        return False

    def _serve(self, sock: Any, address: Any) -> None:
        """Make the protocol and the transport of a connection, as Twisted's port does."""
        if len(address) == 4:  # the scope of an IPv6 address is a part of its name only
            numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
            address = (socket.getnameinfo(address, numeric)[0], *address[1:])
        peer = self._buildAddr(address)  # type: ignore[no-untyped-call]
        protocol = cast("Factory", self.factory).buildProtocol(peer)
        if protocol is None:
            sock.close()
            return
        number, self.sessionno = self.sessionno, self.sessionno + 1
        transport = self.transport(sock, protocol, address, self, number, self.reactor)
        protocol.makeConnection(transport)


class Accepted(InContext, tcp.Connection):
    """The server's end of a connection; its context is the one in which it is made.

    So ``buildProtocol``, ``connectionMade`` and later callbacks share one context.
    """

    def __init__(  # noqa: PLR0917 - Twisted's signature
        self, sock: Any, protocol: Any, client: Any, server: Any, sessionno: int, reactor: Any
    ) -> None:
        present = reactor.contexts.present
        if present is not None:
            self.reactor_context = present
        super().__init__(sock, protocol, client, server, sessionno, reactor)  # type: ignore[call-arg]


class Connecting(InContext, tcp.BaseClient):
    """The client's end of a connection; its context is that of the code that asked for it.

    It connects and fails in this context too, whatever the context of the resolver's answer.
    """

    def __init__(self, *args: Any) -> None:
        context_of(self)
        super().__init__(*args)

    def doConnect(self) -> None:
        """Begin to connect, or check the result."""
        self.reactor.contexts.call(self.reactor_context, super().doConnect)

    def failIfNotConnected(self, err: Any) -> None:
        """Give up, unless it is connected."""
        self.reactor.contexts.call(self.reactor_context, super().failIfNotConnected, err)


class Threads(ThreadPool):
    """A thread pool that delivers each result in the context of the code that asked for it.

    The function itself runs in the context of its thread, as in any pool of Twisted's.
    """

    def callInThreadWithCallback(self, onResult: Any, func: Any, *args: Any, **kw: Any) -> None:
        """See :meth:`twisted.python.threadpool.ThreadPool.callInThreadWithCallback`."""
        told = None if onResult is None else in_present_context(onResult)
        # In an empty context: a thread that starts here may keep the present one for its life.
        Context().run(super().callInThreadWithCallback, told, func, *args, **kw)
