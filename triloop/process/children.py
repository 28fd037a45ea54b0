"""Notices the end of child processes without SIGCHLD, which both Twisted and asyncio claim."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet import process as processes
from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from triloop.private.reactors import add_internal_reader, reactor_of, remove_internal_reader

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

    Notify = Callable[[Any, Callable[[], object]], object]

__all__ = ["ChildWatch", "Interruptible", "is_watched", "reap_unwatched"]

#: The methods of a process protocol that Twisted calls where it only logs an interrupt.
_INTERRUPTIBLE = frozenset({"childConnectionLost", "processExited", "processEnded"})
#: Reactors that learn of their children without SIGCHLD.
_watching: weakref.WeakSet[Any] = weakref.WeakSet()


class Interruptible:
    """A process protocol that passes interrupts to the run; Twisted would only log them.

    Args:
        protocol: The protocol of the application.
        guard: Wraps a method, so that an interrupt that it raises ends the run.
    """

    def __init__(self, protocol: Any, guard: Callable[[Any], Any]) -> None:
        self._protocol = protocol
        self._guard = guard

    def __getattr__(self, name: str) -> Any:
        # Looked up at each call: a protocol may have a method replaced meanwhile, or lack it.
        found = getattr(self._protocol, name)
        return self._guard(found) if name in _INTERRUPTIBLE else found


@implementer(IReadDescriptor)
class _ChildExit:
    """The pidfd of one child, readable once the child has ended."""

    def __init__(self, watch: ChildWatch, process: Any) -> None:
        self._watch = watch
        self._process = process
        self._fd = os.pidfd_open(process.pid)

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return "child"

    def doRead(self) -> None:
        self._watch.discard(self)
        self._watch.reap(self._process)

    def connectionLost(self, reason: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class ChildWatch:
    """Watches a reactor's child processes without SIGCHLD and the wake-up descriptor.

    It uses a pidfd for each child; where there are none, a thread waits for the child.

    Args:
        reactor: The reactor that spawns them.
        notify: Called with a process that has ended and the function that reaps it; it has to call
            that function.
    """

    def __init__(self, reactor: PosixReactorBase, notify: Notify) -> None:
        self._reactor = reactor
        self._notify = notify
        self._exits: set[_ChildExit] = set()
        if self.supported():
            _watching.add(reactor)
            processes.registerReapProcessHandler = _register

    @staticmethod
    def supported() -> bool:
        """Whether this system can wait for a child without reaping it, which is left to Twisted."""
        return hasattr(os, "waitid")

    def add(self, process: Any) -> None:
        """Watch a process that Twisted has started."""
        if processes.reapProcessHandlers.get(process.pid) is not process:
            return  # it has ended already, and its protocol was called
        try:
            child = _ChildExit(self, process)
        except (AttributeError, OSError):  # an old kernel, a sandbox, no more descriptors
            self._add_thread(process)
        else:
            self._exits.add(child)
            add_internal_reader(self._reactor, child)

    def _add_thread(self, process: Any) -> None:
        def wait() -> None:
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            self._reactor.callFromThread(self.reap, process)

        threading.Thread(target=wait, name=f"child {process.pid}", daemon=True).start()

    def reap(self, process: Any) -> None:
        """Have Twisted reap a process that has ended, and tell its protocol."""
        # The table is looked up at each use: Twisted's own tests put another in its place.
        registered = processes.reapProcessHandlers.get(process.pid)
        if registered is not None and registered is process:
            self._notify(process, registered.reapProcess)

    def discard(self, child: _ChildExit) -> None:
        """Stop watching a child."""
        self._exits.discard(child)
        remove_internal_reader(self._reactor, child)
        child.connectionLost(None)

    def clear(self) -> None:
        """Stop watching all children. They go on; their protocols do not learn of their end."""
        for child in list(self._exits):
            self.discard(child)


_register_with_twisted: Callable[[Any, Any], object] = processes.registerReapProcessHandler


def _register(pid: Any, process: Any) -> None:
    """Twisted's ``registerReapProcessHandler``, which every process calls at its start.

    ``spawnProcess`` is not the only way to start one: Buildbot makes them of a class of its own.
    """
    _register_with_twisted(pid, process)
    children = getattr(reactor_of(process), "children", None)
    if isinstance(children, ChildWatch) and children.supported():
        children.add(process)


def is_watched(reactor: object) -> bool:
    """Whether the children of ``reactor`` are watched here, and not by Twisted's SIGCHLD."""
    return reactor in _watching


def reap_unwatched() -> None:
    """Reap the children of Twisted's own reactors.

    Children of watched reactors are reaped by their own reactor, in its thread and once it runs.
    """
    for process in list(processes.reapProcessHandlers.values()):
        reactor = reactor_of(process)
        if not is_watched(reactor):
            process.reapProcess()
