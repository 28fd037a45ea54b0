"""The signal handlers of a reactor: set where there are none, and removed after its run."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from triloop.process.signal_handlers import Handler, belongs_to_loop, put_back_wakeup, unguarded

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

__all__ = ["ReactorSignals"]


class ReactorSignals:
    """SIGINT and SIGTERM stop a reactor, as long as it runs by ``reactor.run()``.

    As with Twisted's own reactors, the application's handler for SIGINT stays, and one for SIGTERM
    is replaced; but not one of an asyncio loop, which was set on purpose.
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
        """Set the handlers. Python allows it in the main thread only."""
        for number, handler in self._wanted.items():
            present = unguarded(signal.getsignal(number))
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
        return not belongs_to_loop(present)

    def _install_wakeup(self) -> None:
        """Have signals that another thread receives wake the reactor, unless a loop does that."""
        owner = signal.set_wakeup_fd(-1)
        if owner != -1 and put_back_wakeup(owner):
            return
        self._wakeup_fd = self._reactor.waker.writing_fileno()
        signal.set_wakeup_fd(self._wakeup_fd)
        # The waker is closed when the reactor is, and its number goes to another file.
        self._reactor.addSystemEventTrigger("during", "shutdown", self._uninstall_wakeup)

    def _uninstall_wakeup(self) -> None:
        if self._wakeup_fd != -1:
            owner = signal.set_wakeup_fd(-1)
            if owner != self._wakeup_fd:
                put_back_wakeup(owner)
            self._wakeup_fd = -1

    def uninstall(self) -> None:
        """Put back the earlier handlers where ours are still set. Idempotent."""
        for number, previous in self._replaced.items():
            if signal.getsignal(number) == self._wanted[number]:
                signal.signal(number, previous)
        self._replaced.clear()
        self._uninstall_wakeup()
