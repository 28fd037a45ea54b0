"""The private parts of CPython's selector loop that a guest loop needs, declared once.

At run time the classes are asyncio's own. To the type checker they show the attributes that
this package reads; CPython's own tests, run on the loop that is built from them, notice when one
of those changes its name or its meaning.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import events, selector_events, unix_events
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

__all__ = [
    "HANDLED_BY_LOOP",
    "Callback",
    "Handle",
    "SelectorLoop",
    "SocketTransport",
    "TimerHandle",
    "add_reader",
    "current_loop",
    "has_work",
    "hooked_generators",
    "is_reopenable",
    "keep_unsent",
    "leave_current_task",
    "leave_task_behind",
    "put_back_task",
    "reopen",
    "running_loop",
    "set_aside_task",
    "set_running_loop",
    "thread_of",
]

if TYPE_CHECKING:
    import socket
    import traceback
    from collections import deque
    from collections.abc import Callable
    from contextvars import Context

    from typing_extensions import TypeVarTuple, Unpack

    Arguments = TypeVarTuple("Arguments")
    Callback = Callable[[Unpack[Arguments]], object]

    class Handle(asyncio.Handle):
        """A callback that will be called soon."""

        _source_traceback: traceback.StackSummary | None

    class TimerHandle(asyncio.TimerHandle):
        """A callback that will be called at a given time."""

        _source_traceback: traceback.StackSummary | None
        _scheduled: bool
        _when: float

    class SelectorLoop(asyncio.SelectorEventLoop):
        """CPython's event loop for Unix."""

        _closed: bool
        _csock: socket.socket
        _debug: bool
        _ready: deque[asyncio.Handle]
        _scheduled: list[TimerHandle]
        _selector: Any
        _signal_handlers: dict[int, asyncio.Handle]
        _ssock: socket.socket
        _stopping: bool
        _thread_id: int | None
        _timer_cancelled_count: int

        def _add_reader(self, fd: int, callback: Callable[[], object]) -> object: ...
        def _asyncgen_finalizer_hook(self, agen: Any) -> None: ...
        def _asyncgen_firstiter_hook(self, agen: Any) -> None: ...
        def _check_closed(self) -> None: ...
        def _check_running(self) -> None: ...
        def _check_signal(self, sig: int) -> None: ...
        def _ensure_fd_no_transport(self, fd: socket.socket) -> None: ...
        def _handle_signal(self, sig: int) -> None: ...
        def _process_events(self, event_list: Any) -> None: ...
        def _process_self_data(self, data: bytes) -> None: ...
        def _remove_reader(self, fd: int) -> bool: ...
        def _remove_writer(self, fd: int) -> bool: ...
        def _run_once(self) -> None: ...
        def _set_coroutine_origin_tracking(self, enabled: bool) -> None: ...

    class SocketTransport(asyncio.Transport):
        """Its transport for stream sockets."""

        max_size: int
        _buffer: Any
        _conn_lost: int
        _empty_waiter: asyncio.Future[None] | None
        _eof: bool
        _loop: SelectorLoop
        _protocol: Any
        _sock: socket.socket
        _sock_fd: int

        def _call_connection_lost(self, exc: BaseException | None) -> None: ...
        def _fatal_error(self, exc: BaseException, message: str = ...) -> None: ...
        def _read_ready(self) -> None: ...
        def _read_ready__on_eof(self) -> None: ...
        def __init__(  # noqa: PLR0917 - CPython's signature
            self,
            loop: SelectorLoop,
            sock: socket.socket,
            protocol: asyncio.BaseProtocol,
            waiter: asyncio.Future[None] | None = None,
            extra: dict[str, Any] | None = None,
            server: asyncio.AbstractServer | None = None,
            context: Context | None = None,  # since 3.15
        ) -> None: ...

else:
    Handle = asyncio.Handle
    TimerHandle = asyncio.TimerHandle
    SelectorLoop = asyncio.SelectorEventLoop
    SocketTransport = selector_events._SelectorSocketTransport


#: The handler that CPython sets for a signal that ``add_signal_handler`` was called for.
HANDLED_BY_LOOP: Any = unix_events._sighandler_noop  # type: ignore[attr-defined]


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread, or None."""
    return events._get_running_loop()  # looked up at each call: CPython's tests replace it


def set_running_loop(loop: asyncio.AbstractEventLoop | None, *, begins: bool = True) -> None:
    """Make a loop the one that runs in this thread, or none.

    Args:
        loop: The loop.
        begins: Whether it runs from now on, and does not just take a step of one task.
    """
    set_native = events._set_running_loop
    if not begins:  # private.runners may have wrapped it
        set_native = getattr(set_native, "__wrapped__", set_native)
    set_native(loop)


def keep_unsent(transport: SocketTransport, rest: memoryview) -> None:
    """Keep the rest of a write until the socket is writable, as CPython does after its own send."""
    private: Any = transport
    add_writer = getattr(private, "_add_writer", private._loop._add_writer)  # from Python 3.15
    add_writer(private._sock_fd, private._write_ready)
    if isinstance(private._buffer, bytearray):  # before Python 3.12
        private._buffer.extend(rest)
    else:
        private._buffer.append(rest)
    if hasattr(private, "_buffer_size"):  # from Python 3.15
        private._buffer_size += len(rest)
    private._maybe_pause_protocol()


def current_loop() -> asyncio.AbstractEventLoop | None:
    """The current loop of this thread, without making one."""
    if sys.version_info >= (3, 14):
        try:
            return asyncio.get_event_loop()
        except RuntimeError:
            return None
    policy = asyncio.events._event_loop_policy  # type: ignore[attr-defined]
    return getattr(getattr(policy, "_local", None), "_loop", None)


def thread_of(loop: asyncio.AbstractEventLoop) -> int | None:
    """The id of the thread that runs ``loop``; None if it does not run, or does not show it."""
    return getattr(loop, "_thread_id", None)


def is_reopenable(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether :func:`reopen` works on ``loop``: on CPython's own loops, not on uvloop."""
    return isinstance(loop, asyncio.BaseEventLoop)


def reopen(loop: asyncio.AbstractEventLoop) -> None:
    """Let a loop whose generators and default executor were shut down have new ones."""
    private: Any = loop
    if is_reopenable(loop):
        private._asyncgens_shutdown_called = private._executor_shutdown_called = False
        private._default_executor = None


def leave_task_behind(task: asyncio.Task[Any]) -> None:
    """Keep Python from reporting that a task was destroyed while pending."""
    private: Any = task
    private._log_destroy_pending = False


def has_work(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the loop may have a task, an asynchronous generator or an executor to end."""
    if asyncio.all_tasks(loop) or not is_reopenable(loop):
        return True  # uvloop shows its tasks only
    private: Any = loop
    return bool(private._asyncgens) or private._default_executor is not None


@contextmanager
def hooked_generators(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Have ``loop`` note the asynchronous generators that begin in the block.

    Its ``shutdown_asyncgens()`` then closes them. While they run, loops note all of them, save
    those of GUIs that have a ``run_forever()`` of their own (qasync's).
    """
    private: Any = loop
    hooks = sys.get_asyncgen_hooks()
    if hooks.firstiter is None and isinstance(loop, asyncio.BaseEventLoop):
        sys.set_asyncgen_hooks(private._asyncgen_firstiter_hook, private._asyncgen_finalizer_hook)
    try:
        yield
    finally:
        sys.set_asyncgen_hooks(*hooks)


def timers_of(loop: asyncio.AbstractEventLoop) -> dict[asyncio.TimerHandle, object]:
    """The timed calls of a loop of CPython's, with their callbacks; none of another loop."""
    private: Any = loop
    timers = private._scheduled if hasattr(loop, "_scheduled") else ()
    return {timer: timer._callback for timer in timers if not timer.cancelled()}


def watched_by(loop: asyncio.AbstractEventLoop) -> dict[int, list[str]]:
    """What descriptors a loop of CPython's watches, with the callbacks; none of another loop."""
    private: Any = loop
    keys = private._selector.get_map() if hasattr(loop, "_selector") else {}
    return {fd: [repr(handle) for handle in key.data if handle] for fd, key in keys.items()}


def leave_current_task(loop: asyncio.AbstractEventLoop) -> None:
    """Clear the current task of ``loop``, also one that was left in the middle of a step."""
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio.tasks._leave_task(loop, task)


def add_reader(transport: SocketTransport, callback: Callback[()]) -> None:
    """Have ``callback`` called when there is something to read, in place of the transport."""
    transport._loop._add_reader(transport._sock_fd, callback)


def set_aside_task(loop: asyncio.AbstractEventLoop | None) -> asyncio.Task[Any] | None:
    """Clear the current task of ``loop``, the running one, while another loop runs nested in it.

    Since 3.14 the current task belongs to the thread, so a task of the other loop could not be
    entered. Before, each loop had a current task.

    Returns:
        The task, for :func:`put_back_task`.
    """
    if loop is None or sys.version_info < (3, 14):
        return None
    return asyncio.tasks._swap_current_task(loop, None)


def put_back_task(loop: asyncio.AbstractEventLoop | None, task: asyncio.Task[Any] | None) -> None:
    """Restore the current task of ``loop``, which is the running loop again."""
    if loop is not None and task is not None:
        asyncio.tasks._swap_current_task(loop, task)  # type: ignore[attr-defined]  # since 3.12
