"""The process-wide signal state and child exits: one owner.

There is one handler a signal and one wake-up descriptor a process, and both Twisted and asyncio
believe they are theirs. Here they are shared out: children are watched by pidfd, which needs
neither; reactors put their handlers where they found none, and take them away again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import threading
import weakref
from asyncio.unix_events import _sighandler_noop  # the mark of a handler that asyncio owns
from types import FrameType
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IReactorProcess, IReadDescriptor
from twisted.internet.process import reapAllProcesses, reapProcessHandlers
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.internet.posixbase import PosixReactorBase

    Handler = Callable[[int, FrameType | None], Any] | int | None
    InTurn = Callable[[], bool]

__all__ = ["ChildWatch", "ReactorSignals", "SharedSignals"]

#: Reactors that learn of their children without SIGCHLD.
_watching: weakref.WeakSet[Any] = weakref.WeakSet()


class ReactorSignals:
    """SIGINT and SIGTERM stop a reactor, as long as it runs by ``reactor.run()``.

    As with Twisted's own reactors, SIGINT is left to whoever asked for it before, and SIGTERM is
    taken; but not from an asyncio loop, whose user set a handler on purpose.
    """

    def __init__(self, reactor: PosixReactorBase) -> None:
        self._wanted = {signal.SIGINT: reactor.sigInt, signal.SIGTERM: reactor.sigTerm}
        self._replaced: dict[signal.Signals, Handler] = {}

    def install(self) -> None:
        """Set the handlers; for the main thread only, as Python has it."""
        for number, handler in self._wanted.items():
            present = signal.getsignal(number)
            if number == signal.SIGINT:
                free = present == signal.default_int_handler
            else:
                free = not _belongs_to_loop(present)
            if free:
                signal.signal(number, handler)
                self._replaced[number] = present

    def uninstall(self) -> None:
        """Put back what was there, where the handler is still ours. Idempotent."""
        for number, previous in self._replaced.items():
            if signal.getsignal(number) == self._wanted[number]:
                signal.signal(number, previous)
        self._replaced.clear()


def _belongs_to_loop(handler: Handler) -> bool:
    """Whether ``add_signal_handler`` of some asyncio loop (stock, uvloop) has put it there."""
    owner = getattr(handler, "__self__", None)
    return handler is _sighandler_noop or isinstance(owner, asyncio.AbstractEventLoop)


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
        if self.supported():
            _watching.add(reactor)

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


class SharedSignals:
    """The share of one selector loop in the process's signals.

    CPython's loop sets the wake-up descriptor to its own self-pipe and a handler that does
    nothing, without regard to who had them before; Twisted does the same. Here the loop takes
    them over and remembers: every signal it reads from its pipe is handed on to the descriptor
    that was set before, and handlers are put back when the loop's user removes his.

    :param fd: the writing end of the loop's self-pipe.
    :param handlers: the loop's own table of signal handlers, as it stands.
    :param reactor: the reactor that the loop runs in.
    """

    def __init__(self, fd: int, handlers: dict[int, Any], reactor: Any) -> None:
        self._fd = fd
        self._handlers = handlers
        self._reactor = reactor
        self._wanted: set[int] = set()
        self._before: dict[int, Handler] = {}
        self._next_fd = -1
        self._next_is: tuple[int, int] | None = None

    def claim(self) -> None:
        """Take what the loop wants of the process; for when somebody else may have taken it."""
        numbers = self._wanted.union(self._handlers)
        if not numbers or not _in_main_thread():
            return
        for number in numbers:
            self._take_handler(number)
        self._note_descriptor(signal.set_wakeup_fd(self._fd))

    def _take_handler(self, number: int) -> None:
        present = signal.getsignal(number)
        if present is not _sighandler_noop:
            self._before[number] = present
            signal.signal(number, _sighandler_noop)
            signal.siginterrupt(number, False)

    def _note_descriptor(self, fd: int) -> None:
        if fd not in (-1, self._fd):
            self._next_fd, self._next_is = fd, _identity(fd)

    @contextlib.contextmanager
    def taking(self, number: int) -> Iterator[None]:
        """Around the loop's ``add_signal_handler``, which forgets who was there before."""
        if not _in_main_thread():
            yield  # and the loop says what is wrong with that
            return
        present = signal.getsignal(number)
        previous = signal.set_wakeup_fd(-1)
        try:
            yield
        except BaseException:
            signal.set_wakeup_fd(previous)
            raise
        if present is not _sighandler_noop:
            self._before[number] = present
        self._note_descriptor(previous)

    def give_back(self, number: int) -> None:
        """After the loop's ``remove_signal_handler``: put back what was there before it."""
        before = self._before.pop(number, signal.SIG_DFL)
        signal.signal(number, signal.SIG_DFL if before is None else before)
        self.claim()
        if not self._wanted and not self._handlers:
            alive = self._next_is is not None and _identity(self._next_fd) == self._next_is
            signal.set_wakeup_fd(self._next_fd if alive else -1)
            self._next_fd, self._next_is = -1, None

    def pass_on(self, data: bytes) -> None:
        """Hand on what was read from the loop's self-pipe: zeros are its own, the rest signals."""
        numbers = data.translate(None, b"\0")
        if not numbers:
            return
        if signal.SIGCHLD in numbers:
            reapAllProcesses()
        # Who had the descriptor may have closed it, and the number may be something else's now.
        if self._next_is is not None and _identity(self._next_fd) == self._next_is:
            with contextlib.suppress(BlockingIOError):
                os.write(self._next_fd, numbers)

    @contextlib.contextmanager
    def driving(self, interrupt: Callable[[BaseException], None], in_turn: InTurn) -> Iterator[None]:
        """Around a run of the reactor that the loop's user began, not Twisted's.

        Twisted does not handle signals then, so its child processes are told of here. And a
        handler that raises, as Python's own for SIGINT does, shall end the run by that exception:
        within the loop's own turn it does by itself; Twisted would log it and go on.

        :param interrupt: ends the run with an exception.
        :param in_turn: says whether the loop is in a turn.
        """
        if not _in_main_thread():
            yield
            return
        guarded = _guard_handlers(_Guard(self._reactor.callFromThread, interrupt, in_turn))
        if IReactorProcess.providedBy(self._reactor) and self._reactor not in _watching:
            self._wanted.add(signal.SIGCHLD)
        try:
            yield
        finally:
            _unguard_handlers(guarded)
            if self._wanted:
                self._wanted.clear()
                if signal.SIGCHLD not in self._handlers:
                    self.give_back(signal.SIGCHLD)


class _Guard:
    """Turns what a signal handler raises into an interrupt of the run."""

    def __init__(
        self,
        call_from_thread: Callable[..., None],
        interrupt: Callable[[BaseException], None],
        in_turn: InTurn,
    ) -> None:
        self._call_from_thread = call_from_thread
        self._interrupt = interrupt
        self._in_turn = in_turn
        self._pending = False

    def around(self, handler: Callable[[int, FrameType | None], Any]) -> Handler:
        def guarded(number: int, frame: FrameType | None) -> None:
            try:
                handler(number, frame)
            except BaseException as reason:
                # A second one, while the first still waits, is for code that does not return.
                if self._pending or self._in_turn():
                    raise
                self._pending = True
                self._call_from_thread(self._interrupt, reason)

        return guarded


def _guard_handlers(guard: _Guard) -> dict[int, tuple[Handler, Handler]]:
    """Put a guard around all handlers that could raise; the handlers and their guards."""
    guarded: dict[int, tuple[Handler, Handler]] = {}
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if callable(handler) and not _belongs_to_loop(handler):
            guarded[number] = handler, guard.around(handler)
            signal.signal(number, guarded[number][1])
    return guarded


def _unguard_handlers(guarded: dict[int, tuple[Handler, Handler]]) -> None:
    for number, (handler, guard) in guarded.items():
        if signal.getsignal(number) is guard:
            signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino
