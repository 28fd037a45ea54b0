"""asyncio on Twisted: CPython's selector loop as the guest of a Twisted reactor."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.error import ReactorNotRestartable

from triloop.adapters.asyncio_in_twisted.guest import LoopGuest
from triloop.adapters.asyncio_in_twisted.host import ReactorHost, check_host
from triloop.adapters.asyncio_in_twisted.life import HostLife
from triloop.adapters.asyncio_in_twisted.names import ResolvingLoop
from triloop.adapters.asyncio_in_twisted.poller import Poller
from triloop.adapters.asyncio_in_twisted.reactors import RUN_TWISTED_INSIDE, reactor_for, will_run
from triloop.adapters.asyncio_in_twisted.streams import StreamTransport
from triloop.default_loop import nested_loops
from triloop.embedding import TURN_BUDGET, Embedding, check_turn_budget
from triloop.origins import warn
from triloop.private.cpython import (
    Handle,
    leave_current_task,
    put_back_task,
    running_loop,
    set_aside_task,
    set_running_loop,
)
from triloop.private.guest_loop import hide_frame
from triloop.process.loop_signals import SharedSignals
from triloop.registry import deciding
from triloop.states import Lifecycle, State

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from triloop.private.cpython import Arguments, Callback

__all__ = ["ReactorEventLoop", "new_event_loop"]

_T = TypeVar("_T")
#: A loop that runs, its current task, and the hooks of asynchronous generators.
_Outer = tuple[asyncio.AbstractEventLoop | None, "asyncio.Task[Any] | None", Any]


class ReactorEventLoop(ResolvingLoop):
    """An asyncio event loop that runs inside a Twisted reactor.

    It is CPython's own selector loop, nested: the reactor watches the descriptor of its epoll
    (or kqueue) and gives it a turn whenever that is readable or a timer is due.

    ::

        reactor        | this loop | run_forever()          | stop()
        ---------------+-----------+------------------------+------------------------------
        not running    | rests     | runs the reactor;      | (the next run ends at once)
                       |           | leaves it by crash()   |
        run by us      | runs      | is an error            | run_forever returns
        run by reactor | runs      | is an error            | reactor.stop()
          .run()       |           |                        |
        stopped for    | rests     | runs without a reactor | (the next run ends at once)
          good         |           |                        |

    While the reactor runs, ``asyncio.get_running_loop()`` gives this loop in Twisted's callbacks
    too; unless the reactor itself runs inside an asyncio loop: then only in this loop's turns.

    All methods belong to the reactor's thread, save ``call_soon_threadsafe``.

    Args:
        reactor: A reactor with IReactorFDSet and IReactorTime. None: the global one, or, if another
            open loop has that, a reactor of this loop's own, which is closed with it.
        turn_budget: For how long the loop may keep the reactor from its own I/O while it has work
            ready, in seconds. A turn starts no further round after that; 0: each has one round.

    Raises:
        ValueError: Another open loop is on the same reactor; ``turn_budget`` is negative, or not
            finite.
        TypeError: The reactor cannot watch descriptors; ``turn_budget`` is not a number.
        twisted.internet.error.ReactorNotRestartable: The reactor given was stopped for good.
        RuntimeError: It runs in another thread.
    """

    # CPython is faster with an object of up to 30 attributes, of which its own loop has 27.
    __slots__ = (
        "_embed",
        "_embedding",
        "_guest",
        "_host",
        "_is_warned",
        "_life",
        "_outer",
        "_own_reactor",
        "_reactor",
        "_signals",
        "_visits",
    )

    #: Closed until the reactor is accepted: ``close`` and garbage collection read this.
    _closed = True
    _embedding: Embedding

    def __init__(self, reactor: Any = None, *, turn_budget: float = TURN_BUDGET) -> None:
        self._embed = partial(Embedding, turn_budget=check_turn_budget(turn_budget))
        with deciding:  # of two threads that make a loop at once, one gets the global reactor
            self._open(reactor)

    def _open(self, reactor: Any) -> None:
        self._is_warned = False
        #: Whether it is the running loop in its turns only.
        self._visits = False
        self._reactor, self._own_reactor = reactor_for(reactor)
        self._outer: _Outer = (None, None, (None, None))
        check_host(self._reactor)
        self._life = HostLife(
            self._reactor, self._begin, self._end, self._if_running, self._in_turn
        )
        poller = Poller()
        self._host = ReactorHost(self._reactor, poller, self._life.interrupt)
        self._guest = LoopGuest(self)
        self._embedding = self._embed(self._host, self._guest)
        try:
            super().__init__(poller)
        except BaseException:
            self._closed = True
            self._give_back_reactor()
            raise
        self._signals = SharedSignals(
            self._csock.fileno(), self._signal_handlers, self._handle_signal, self._reactor
        )
        nested_loops.add(self)
        if self.lifecycle.started:
            self._begin()

    @property
    def reactor(self) -> Any:
        """The reactor that this loop runs in."""
        return self._reactor

    @property
    def lifecycle(self) -> Lifecycle:
        """The life of that reactor, as far as this loop follows it."""
        return self._life.lifecycle

    # Running

    def run_forever(self) -> None:
        """Run until ``stop()``: the reactor runs too, and can be run again afterwards.

        Raises:
            RuntimeError: This or another loop runs in this thread already.
        """
        self._check_closed()
        self._check_running()
        try:
            with self._signals.driving(self._life.interrupt, lambda: self._embedding.turning):
                self._life.drive()
        except ReactorNotRestartable:
            self._run_alone()

    def _run_alone(self) -> None:
        """Run without the reactor, which was stopped for good and cannot be a host."""
        self._selector.blocking = True
        try:
            super().run_forever()
        finally:
            self._selector.blocking = False

    def stop(self) -> None:
        """End the run after the present iteration: ``run_forever``'s or ``reactor.run()``'s."""
        super().stop()
        self._embedding.wake()

    def is_running(self) -> bool:
        """Whether the loop runs; not while its reactor waits for the next run of its own loop."""
        return super().is_running() and not self._host.is_paused

    def _if_running(self) -> ReactorEventLoop | None:
        return self if self.is_running() else None

    def _in_turn(self) -> bool:
        return self._embedding.turning and threading.get_ident() == self._thread_id

    def turn(self) -> float | None:
        """Do one iteration of CPython's own, for the reactor; return the deadline after it."""
        if self._visits:
            self.within(self._run_once)
        else:
            self._run_once()
        if self._stopping:
            self._stop_now()
        return 0 if self._ready else self.deadline()

    def _stop_now(self) -> None:
        self._stopping = False
        if self.lifecycle.state is State.WINDING:
            return  # the run ends when what this loop has is at its end
        if self._life.driving:
            # What is ready waits for the next run, as it does in a stock loop.
            self._embedding.detach()
        self._life.end_run()

    def _begin(self) -> None:
        """Begin to run: the reactor has begun."""
        if self._thread_id is not None:
            return
        self._thread_id = threading.get_ident()
        leave_current_task(self)  # of a step in which the parent has forked
        self._set_coroutine_origin_tracking(self._debug)
        # Where the reactor itself runs inside another loop, that is the running one between turns.
        self._visits = self._host.is_guest
        if not self._visits:
            self._outer = self._enter()
        self._signals.claim()
        try:
            self._embedding.attach()
        except OSError as reason:  # Twisted would log it, and this loop wait for ever
            self._reactor.callLater(0, self._life.interrupt, reason)

    def _end(self) -> None:
        """End the run: the reactor does not run any more."""
        if self._thread_id is None:
            return
        self._embedding.detach()
        self._signals.claim()
        if not self._visits:
            self._leave(self._outer)
        self._set_coroutine_origin_tracking(False)
        self._stopping = False
        self._thread_id = None

    def rest_in_child(self, *, can_run: bool) -> None:
        """Reset to the state at rest, in a child that ``os.fork`` has made.

        Args:
            can_run: Whether the reactor can run in the child.
        """
        self._signals.reset(ran=self._thread_id is not None)
        self._set_coroutine_origin_tracking(False)
        self._thread_id = None
        self._stopping = self._visits = False
        if can_run:
            self._embedding.detach()
        self._life.reset(can_run=can_run)
        self._embedding = self._embed(self._host, self._guest)

    def within(self, call: Callable[[], _T]) -> _T:
        """Call a function, with this as the running loop."""
        outer = self._enter()
        try:
            return call()
        finally:
            self._leave(outer)

    def _enter(self) -> _Outer:
        """Become the running loop; returns what :meth:`_leave` needs to put back."""
        running = running_loop()
        outer = running, set_aside_task(running), sys.get_asyncgen_hooks()
        set_running_loop(self)
        sys.set_asyncgen_hooks(
            firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook
        )
        return outer

    def _leave(self, outer: _Outer) -> None:
        running, task, hooks = outer
        set_running_loop(running)
        put_back_task(running, task)
        sys.set_asyncgen_hooks(*hooks)

    def close(self) -> None:
        """Close the loop, and restore the methods of the reactor, which may go on running.

        Raises:
            RuntimeError: From within the loop's own callbacks, while ``run_forever`` runs, and
                while the reactor runs in another thread.
        """
        if self.is_closed():
            return
        if self._reactor.running and self._thread_id not in {None, threading.get_ident()}:
            raise RuntimeError(
                "this loop runs in another thread than the present one "
                f"({threading.current_thread().name}): close it there, by call_soon_threadsafe()"
            )
        if not self._life.driving and not self._embedding.turning:
            self._end()
        super().close()
        self._give_back_reactor()
        self._signals.release()
        nested_loops.discard(self)

    def _give_back_reactor(self) -> None:
        self._life.release()
        self._guest.release()
        if self._own_reactor:
            self._reactor.fireSystemEvent("shutdown")  # which stops its thread pool
            self._reactor.close()

    def _make_socket_transport(
        self,
        sock: socket.socket,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
        **options: Any,
    ) -> StreamTransport:
        if hasattr(self, "_ensure_fd_no_transport"):
            self._ensure_fd_no_transport(sock)
        return StreamTransport(self, sock, protocol, waiter, **options)

    # Scheduling: outside of a turn the host has to be woken.

    def call_soon(
        self,
        callback: Callback[Unpack[Arguments]],
        *args: Unpack[Arguments],
        context: Context | None = None,
    ) -> asyncio.Handle:
        """See :meth:`asyncio.loop.call_soon`."""
        if self._debug or self._closed:
            handle = super().call_soon(callback, *args, context=context)
            hide_frame(handle)
        else:
            handle = Handle(callback, args, self, context)
            self._ready.append(handle)
        if not self._embedding.turning:
            self.scheduled_outside()
        return handle

    def scheduled_outside(self) -> None:
        """Wake the host: something was scheduled outside of a turn."""
        if self._thread_id is None and running_loop() not in {None, self}:
            self._warn_of_running_loop()
        self._embedding.wake()

    def _warn_of_running_loop(self) -> None:
        if self._is_warned or will_run(self._reactor):
            return
        self._is_warned = True
        warn(
            f"a call was scheduled on {self!r}, which does not run, inside "
            f"{running_loop()!r}, which does: nothing runs the reactor here. "
            f"{RUN_TWISTED_INSIDE}; for a loop that another thread runs use call_soon_threadsafe()"
        )

    # Signals

    def add_signal_handler(
        self, sig: int, callback: Callback[Unpack[Arguments]], *args: Unpack[Arguments]
    ) -> None:
        """See :meth:`asyncio.loop.add_signal_handler`; Twisted's own handlers go on working."""
        with self._signals.taking(sig):
            super().add_signal_handler(sig, callback, *args)

    def remove_signal_handler(self, sig: int) -> bool:
        """See :meth:`asyncio.loop.remove_signal_handler`."""
        self._check_signal(sig)
        with self._signals.releasing(sig):
            return super().remove_signal_handler(sig)

    def _read_from_self(self) -> None:
        """Read once what has woken the loop; CPython's reads until there is no more.

        The poller finds again what is left. What threads have sent is zeros.
        """
        try:
            data = self._ssock.recv(4096)
        except BlockingIOError:
            return
        numbers = data.translate(None, b"\0")
        if numbers:
            self._process_self_data(numbers)
            self._signals.pass_on(numbers)


def new_event_loop(reactor: Any = None, *, turn_budget: float = TURN_BUDGET) -> ReactorEventLoop:
    """A new :class:`ReactorEventLoop`; can be the ``loop_factory`` of ``asyncio.Runner``.

    Args and errors are those of the class.
    """
    return ReactorEventLoop(reactor, turn_budget=turn_budget)


def open_loops() -> list[ReactorEventLoop]:
    """All loops in this process that are not closed."""
    return list(nested_loops)
