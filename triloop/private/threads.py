"""How the interpreter waits for threads when it exits."""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # before its hook is called, one of ours has to be
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["at_thread_exit", "end_executor_threads", "leave_behind"]


def at_thread_exit(function: Callable[[], object]) -> None:
    """Have ``function`` called before Python waits for threads, the last one added first."""
    getattr(threading, "_register_atexit", atexit.register)(function)


def end_executor_threads() -> None:
    """End the threads of all executors, as concurrent.futures does itself at exit."""
    concurrent.futures.thread._python_exit()


def leave_behind(thread: threading.Thread) -> None:
    """Let the interpreter exit without waiting for a thread that does not end."""
    if sys.version_info >= (3, 13):
        _interrupt_shutdown()
        return
    shared: Any = threading
    private: Any = thread
    with shared._shutdown_locks_lock:
        shared._shutdown_locks.discard(private._tstate_lock)


class _LeftBehindError(BaseException):
    """Ends the wait for threads at exit."""


def _interrupt_shutdown() -> None:
    """Break off ``threading._shutdown``: since 3.13 it is C code, which only Ctrl-C interrupts.

    Python reports the interrupting exception as one that cannot be raised.
    """
    report = sys.unraisablehook

    def expire(number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code.co_name == "_shutdown":
            raise _LeftBehindError

    def on_unraisable(unraisable: Any) -> None:
        if unraisable.exc_type is not _LeftBehindError:
            report(unraisable)
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = report

    sys.unraisablehook = on_unraisable
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGALRM, expire)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
