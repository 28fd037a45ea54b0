"""Runs a program's main coroutine with a reactor attached."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar, cast

from triloop import awaitables
from triloop.adapters.twisted_in_asyncio.host import AsyncioHost, check_host
from triloop.adapters.twisted_in_asyncio.interrupts import interruptible
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor
from triloop.default_loop import usable_loop
from triloop.lifecycle.attach import enter, global_reactor
from triloop.lifecycle.exit import run_through, wind_down
from triloop.private.cpython import running_loop
from triloop.process.signal_handlers import in_main_thread, put_back_wakeup
from triloop.states import Lifecycle

__all__ = ["run"]

T = TypeVar("T")


def run(
    main: Coroutine[Any, Any, T],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    debug: bool | None = None,
    await_anything: bool = False,
) -> T | None:
    """As :func:`asyncio.run`, with the global reactor attached from the beginning to the end.

    The end comes when ``main`` returns or raises, by ``reactor.stop()`` or SIGTERM (``main`` is
    cancelled), or by SIGINT (``main`` is cancelled, and KeyboardInterrupt raised). Always, and in
    this order: tasks are cancelled and awaited, asynchronous generators closed, the default
    executor shut down, the reactor's shutdown triggers fired, its thread pool joined, the loop
    closed. A reactor of Twisted's own, in which a loop of ``loop_factory`` may live, can be stopped
    only once: its end comes when the interpreter exits.

    Args:
        main: The coroutine to run.
        loop_factory: Makes the loop; None: the default one's.
        debug: The loop's debug mode; None leaves it as it is.
        await_anything: Whether plain code may await anything meanwhile; see
            :func:`triloop.await_anything`.

    Returns:
        What ``main`` returns; None when ``reactor.stop()`` or SIGTERM ended it.

    Raises:
        RuntimeError: Within a running loop.
        TypeError: ``main`` is not a coroutine, or ``loop_factory`` makes no loop that a reactor can
            run in.
    """
    if not asyncio.iscoroutine(main):
        call = ": call it, and pass what it returns" if callable(main) else ""
        raise TypeError(f"triloop.run() needs a coroutine; got {main!r}{call}")
    if running_loop() is not None:
        main.close()
        raise RuntimeError(
            "triloop.run() cannot be called from a running event loop: use "
            "`async with triloop.attached()` there"
        )
    loop = _new_loop(main, loop_factory or asyncio.new_event_loop)
    if debug is not None:
        loop.set_debug(debug)
    asyncio.set_event_loop(loop)
    try:
        with awaitables.await_anything() if await_anything else contextlib.nullcontext():
            return _run_in(loop, main)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _new_loop(
    main: Coroutine[Any, Any, Any], factory: Callable[[], asyncio.AbstractEventLoop]
) -> asyncio.AbstractEventLoop:
    try:
        loop = usable_loop(factory())
        reactor = sys.modules.get("twisted.internet.reactor")
        if reactor is None or isinstance(reactor, TornadoReactor):
            _check_host(loop)
    except BaseException:
        main.close()
        raise
    return loop


def _check_host(loop: asyncio.AbstractEventLoop) -> None:
    """Refuse a loop in which no reactor can run before anything runs in it."""
    try:
        check_host(loop)
    except BaseException:
        loop.close()
        raise


def _run_in(loop: asyncio.AbstractEventLoop, main: Coroutine[Any, Any, T]) -> T | None:
    reactor: Any = None
    with contextlib.ExitStack() as ending:
        try:
            reactor = loop.run_until_complete(_entered())
        except BaseException:
            main.close()
            raise
        # The last to be pushed is the first to be done.
        task = _Main(loop.create_task(main), loop)
        ending.enter_context(task.ends_at_stop(reactor))
        if isinstance(reactor, TornadoReactor):
            ending.callback(lambda: run_through(loop, reactor.visit.leave()))
        ending.callback(wind_down, loop)
        return cast("T | None", task.run())


async def _entered() -> Any:
    reactor = global_reactor()
    if isinstance(reactor, TornadoReactor):
        await enter(reactor, owner=True)
    return reactor


class _Main:
    """The task of the main coroutine, and the ways to end it."""

    def __init__(self, task: asyncio.Task[T], loop: asyncio.AbstractEventLoop) -> None:
        self._task = task
        self._loop = loop
        self._interrupted = False
        self._stopped = False

    def run(self) -> Any:
        """Run the task; see :func:`run` for its result."""
        with self._signals(), self._woken_by_signals():
            return self._run()

    def _run(self) -> Any:
        try:
            with interruptible(self._loop):
                return self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            if self._interrupted:
                raise KeyboardInterrupt from None
            if self._stopped:
                return None
            raise

    def _stop(self) -> None:
        self._stopped = True
        self._task.cancel()

    def _interrupt(self, number: int, frame: object) -> None:
        if self._interrupted or self._task.done():
            raise KeyboardInterrupt
        self._interrupted = True
        self._task.cancel()
        # The signal may have interrupted the poller: make the loop run its tasks.
        self._loop.call_soon_threadsafe(lambda: None)

    def _terminate(self, number: int, frame: object) -> None:
        self._loop.call_soon_threadsafe(self._stop)

    @contextlib.contextmanager
    def ends_at_stop(self, reactor: Any) -> Iterator[None]:
        """Have ``reactor.stop()`` end the task; the reactor is shut down after that."""
        # Twisted's own reactor on asyncio has no lifecycle of ours.
        follower = reactor if isinstance(reactor, TornadoReactor) else self._loop
        lifecycle: Lifecycle = getattr(follower, "lifecycle", None) or Lifecycle({})
        lifecycle.on_stop = self._stop
        try:
            yield
        finally:
            lifecycle.on_stop = None

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Have SIGINT and SIGTERM end the task, unless other code has a handler for them."""
        wanted = {
            signal.SIGINT: (signal.default_int_handler, self._interrupt),
            signal.SIGTERM: (signal.SIG_DFL, self._terminate),
        }
        set_here = {}
        if in_main_thread():
            for number, (default, handler) in wanted.items():
                if signal.getsignal(number) == default:
                    set_here[number] = default, handler
                    signal.signal(number, handler)
        try:
            yield
        finally:
            for number, (default, handler) in set_here.items():
                if signal.getsignal(number) == handler:
                    signal.signal(number, default)

    @contextlib.contextmanager
    def _woken_by_signals(self) -> Iterator[None]:
        """Have signals wake a GUI's loop: it waits in C, where no Python handler can run."""
        if not in_main_thread() or not AsyncioHost(self._loop).nests:
            yield
            return
        reading, writing = socket.socketpair()
        with reading, writing:
            for end in (reading, writing):
                end.setblocking(False)
            self._loop.add_reader(reading, reading.recv, 4096)
            owner = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
            try:
                yield
            finally:
                present = signal.set_wakeup_fd(-1)
                put_back_wakeup(owner if present == writing.fileno() else present)
                self._loop.remove_reader(reading)
