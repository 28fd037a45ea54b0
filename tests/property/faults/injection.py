"""Makes system calls fail: the Nth one of its kind, once or from then on.

The faults are raised where CPython's wrappers of the calls would raise them. All code above, of
Twisted, asyncio and triloop, is real.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import selectors
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any
from unittest import mock

from twisted.internet import epollreactor
from twisted.internet import process as processes

__all__ = ["ERRORS", "Fault", "Injector", "injected"]

#: The errors of each call that are not caused by the program itself.
ERRORS: dict[str, tuple[int, ...]] = {
    "accept": (
        errno.EMFILE,
        errno.EAGAIN,
        errno.ECONNABORTED,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EPERM,
    ),
    "epoll_create": (errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    "epoll_ctl": (errno.ENOSPC, errno.ENOMEM),
    "fork": (errno.EAGAIN, errno.ENOMEM),
    "pidfd_open": (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSYS, errno.EPERM),
    "recv": (errno.ECONNRESET, errno.EAGAIN, errno.ENOMEM, errno.ETIMEDOUT),
    "send": (errno.ENOBUFS, errno.EAGAIN, errno.ECONNRESET, errno.ENOMEM, errno.EPIPE),
    "socketpair": (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),
}


@dataclass(frozen=True)
class Fault:
    """A call that fails.

    Attributes:
        call: A key of :data:`ERRORS`.
        number: Which one of these calls, counted from 1.
        error: What it fails with.
        for_ever: Whether all that follow fail too.
    """

    call: str
    number: int
    error: int
    for_ever: bool

    def __str__(self) -> str:
        kept = ", and all after it," if self.for_ever else ""
        return f"{self.call} number {self.number}{kept} fails with {errno.errorcode[self.error]}"


class Injector:
    """Counts calls, and makes one of them fail."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        #: How often each call was made.
        self.counts = dict.fromkeys(ERRORS, 0)

    def arm(self, fault: Fault | None) -> None:
        """Start counting again, for this fault; None: for no fault."""
        self.fault = fault
        self.counts = dict.fromkeys(ERRORS, 0)

    def pass_through(self, call: str) -> None:
        """Count a call that is about to be made.

        Raises:
            OSError: When it is to fail instead.
        """
        self.counts[call] += 1
        fault, number = self.fault, self.counts[call]
        if fault is None or fault.call != call:
            return
        if number == fault.number or (fault.for_ever and number > fault.number):
            raise OSError(fault.error, os.strerror(fault.error))

    def around(self, call: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, which makes ``call``."""

        def wrapped(*args: Any, **kw: Any) -> Any:
            self.pass_through(call)
            return function(*args, **kw)

        return wrapped


def _poller(injector: Injector) -> type:
    """A class that replaces ``select.epoll``, which cannot be extended."""

    class Poller:
        def __init__(self, *args: Any) -> None:
            injector.pass_through("epoll_create")
            poller = self._poller = select_epoll(*args)
            self.register = injector.around("epoll_ctl", poller.register)
            self.modify = injector.around("epoll_ctl", poller.modify)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._poller, name)

    return Poller


select_epoll = select.epoll


@contextlib.contextmanager
def injected() -> Iterator[Injector]:
    """All calls pass through the injector for as long as the block lasts."""
    injector = Injector()
    poller: Any = _poller(injector)
    places = [
        (select, "epoll", poller),
        (epollreactor, "epoll", poller),
        (selectors.EpollSelector, "_selector_cls", poller),
        (socket.socket, "accept", _method(injector, "accept")),
        (socket.socket, "recv", _method(injector, "recv")),
        (socket.socket, "recv_into", _method(injector, "recv", "recv_into")),
        (socket.socket, "send", _method(injector, "send")),
        (socket.socket, "sendmsg", _method(injector, "send", "sendmsg")),
        (socket, "socketpair", injector.around("socketpair", socket.socketpair)),
        (os, "pidfd_open", injector.around("pidfd_open", os.pidfd_open)),
        (os, "fork", _in_module(processes, injector.around("fork", os.fork))),
    ]
    with contextlib.ExitStack() as stack:
        for owner, name, replacement in places:
            stack.enter_context(mock.patch.object(owner, name, replacement))
        yield injector


def _in_module(module: ModuleType, function: Any) -> Callable[..., Any]:
    """``function`` as if of ``module``: this marks a fork that only runs a program."""
    names = {"__builtins__": __builtins__, "__name__": module.__name__}
    return FunctionType(function.__code__, names, closure=function.__closure__)


def _method(injector: Injector, call: str, name: str = "") -> Callable[..., Any]:
    return injector.around(call, getattr(socket.socket, name or call))
