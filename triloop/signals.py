"""The process-wide signal state and child exits: one owner.

There is one handler a signal and one wake-up descriptor a process, and both Twisted and asyncio
believe they are theirs. Here they are shared out: children are watched by pidfd, which needs
neither; reactors put their handlers where they found none, and take them away again.
"""

from __future__ import annotations

import errno
import os
import signal
from types import FrameType
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.process import reapProcessHandlers
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.posixbase import PosixReactorBase

    Handler = Callable[[int, FrameType | None], Any] | int | None

__all__ = ["ChildWatch", "ReactorSignals"]


class ReactorSignals:
    """SIGINT and SIGTERM stop a reactor, as long as it runs by ``reactor.run()``.

    A handler that somebody else has set stays: an asyncio or a user's own one is not undone.
    """

    def __init__(self, reactor: PosixReactorBase) -> None:
        self._wanted = {signal.SIGINT: reactor.sigInt, signal.SIGTERM: reactor.sigTerm}
        self._replaced: dict[signal.Signals, Handler] = {}

    def install(self) -> None:
        """Set the handlers; for the main thread only, as Python has it."""
        for number, handler in self._wanted.items():
            present = signal.getsignal(number)
            if present in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, handler)
                self._replaced[number] = present

    def uninstall(self) -> None:
        """Put back what was there, where the handler is still ours. Idempotent."""
        for number, previous in self._replaced.items():
            if signal.getsignal(number) == self._wanted[number]:
                signal.signal(number, previous)
        self._replaced.clear()


@implementer(IReadDescriptor)
class _ChildExit:
    """The pidfd of one child, readable when that has ended."""

    def __init__(self, watch: ChildWatch, process: Any) -> None:
        self._watch = watch
        self._process = process
        self._fd = os.pidfd_open(process.pid)

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return "child"

    def doRead(self) -> None:
        process = self._process
        self._watch.discard(self)
        if reapProcessHandlers.get(process.pid) is process:
            process.reapProcess()

    def connectionLost(self, reason: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class ChildWatch:
    """Tells a reactor's processes of their end, by pidfd: no SIGCHLD, no wake-up descriptor.

    :param reactor: the reactor that spawns them.
    """

    def __init__(self, reactor: PosixReactorBase) -> None:
        self._reactor = reactor
        self._exits: set[_ChildExit] = set()

    @staticmethod
    def supported() -> bool:
        """Whether this kernel has pidfds and lets us use them."""
        try:
            os.close(os.pidfd_open(os.getpid()))
        except (AttributeError, OSError):
            return False
        return True

    def add(self, process: Any) -> None:
        """Watch a process that ``spawnProcess`` has returned."""
        if reapProcessHandlers.get(process.pid) is not process:
            return  # it has ended, and been told so, already
        try:
            child = _ChildExit(self, process)
        except OSError as problem:
            if problem.errno not in (errno.ENOSYS, errno.EPERM):
                raise
            return
        self._exits.add(child)
        self._reactor._addInternalReader(child)

    def discard(self, child: _ChildExit) -> None:
        """Forget a child."""
        self._exits.discard(child)
        self._reactor._removeInternalReader(child)
        child.connectionLost(None)

    def clear(self) -> None:
        """Forget all children; they go on, and nobody is told of their end."""
        for child in list(self._exits):
            self.discard(child)
