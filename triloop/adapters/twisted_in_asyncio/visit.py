"""A reactor in a loop that other code runs: who uses it there, and when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator
from typing import Any, cast

from twisted.python.threadpool import ThreadPool

from triloop.private.cpython import hooked_generators
from triloop.states import Event, Lifecycle, RefusedError, State

__all__ = ["Visit", "no_pool"]

#: Seconds between two checks for calls from the threads that are joined.
_JOINING = 0.02


class Visit:
    """Counts the users of a reactor in a loop that goes on without it, and shuts it down for them.

    In Twisted a reactor ends with its process. Here the loop goes on: it must not be blocked to
    join threads, and the reactor can visit it, or another one, again.

    Args:
        reactor: The reactor.
        lifecycle: Its life.

    All methods belong to the thread of the reactor's loop.
    """

    def __init__(self, reactor: Any, lifecycle: Lifecycle) -> None:
        self._reactor = reactor
        self._lifecycle = lifecycle
        self._users = 0
        self._started_by_users = False
        self._at_exit = False
        self._ending: asyncio.Task[None] | None = None
        #: A thread pool that is ending and has not been joined.
        self.unjoined: ThreadPool | None = None
        self._joiner: threading.Thread | None = None
        self._pool_end: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_end: AsyncGenerator[None, None] | None = None

    # The users

    def enter(self, *, owner: bool = False) -> None:
        """Begin to use the reactor in the running loop; the first user starts it.

        Args:
            owner: Whether the user owns the loop, so that the reactor ends with the last user even
                if it has run before.

        Raises:
            RuntimeError: It runs in another loop, or is about to stop.
        """
        self._reactor.follow()
        if self._lifecycle.state is State.DUE and not self._reactor.visits:
            self._lifecycle.handle(Event.START)  # for the whole of its own run, which has begun
        started = self._lifecycle.started
        try:
            self._lifecycle.handle(Event.ATTACH)
        except RefusedError:
            raise RuntimeError(
                "this reactor is about to stop: wait for that before attaching it again"
            ) from None
        self._started_by_users |= owner or not started
        self._reactor.visits |= owner
        self._users += 1

    async def leave(self) -> None:
        """Stop using it; the last user shuts down what the first one has started."""
        self._users -= 1
        if self._users or not self._started_by_users:
            return
        self._started_by_users = False
        self._ending = asyncio.ensure_future(self.shut_down())
        try:
            await asyncio.shield(self._ending)
        except asyncio.CancelledError:
            # A first cancellation does not stop the shutdown halfway; a second one does.
            await asyncio.wait([self._ending])
            raise
        finally:
            self._ending = None

    async def over(self) -> None:
        """Wait for an end that is under way in the running loop."""
        while self._ending is not None and self._ending.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([self._ending])
            await asyncio.sleep(0)

    # The end

    async def shut_down(self) -> None:
        """Stop the reactor, wait for the shutdown triggers, and for the thread pool.

        Afterwards the reactor is as it was before its start. Calls from threads that end
        meanwhile are still run, and the loop is not blocked.
        """
        lifecycle = self._lifecycle
        lifecycle.on_stop = None
        lifecycle.handle(Event.LEAVE)
        if lifecycle.started:
            ended = asyncio.get_running_loop().create_future()
            self._reactor.addSystemEventTrigger("after", "shutdown", _resolve, ended)
            await ended
        await self._join_pool()
        self.stop_watching_loop()
        lifecycle.handle(Event.REST)

    def end_pool(self, pool: ThreadPool, loop: asyncio.AbstractEventLoop) -> None:
        """Have the threads of ``pool`` end.

        :meth:`shut_down` waits for that in ``loop``; at exit, the caller of that.
        """
        self.unjoined = pool
        if self._at_exit:
            return  # no thread can be started any more
        done = self._pool_end = loop.create_future()

        def stop() -> None:
            pool.stop()
            with contextlib.suppress(RuntimeError):  # the loop was closed without waiting
                loop.call_soon_threadsafe(_resolve, done)

        name = "triloop: joins the thread pool"
        self._joiner = threading.Thread(target=stop, name=name, daemon=True)
        self._joiner.start()

    async def _join_pool(self) -> None:
        done, self._pool_end = self._pool_end, None
        if done is None or done.get_loop() is not asyncio.get_running_loop():
            return
        while not done.done():
            await asyncio.wait([done], timeout=_JOINING)
            if self._reactor.threadCallQueue:
                self._reactor.runUntilCurrent()
        if self._joiner is not None:
            self._joiner.join()
        self.unjoined = self._joiner = None

    # The loop's end

    def end_with(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop shut the reactor down before it is closed, unless that is done by then.

        An asynchronous generator that is under way is the one thing that every loop's owner
        (asyncio.run, a Runner, uvloop.run) waits for before closing the loop.

        Args:
            loop: The running loop.
        """
        if self._loop is loop and self._loop_end is not None:
            return
        self.stop_watching_loop()
        self._loop, self._loop_end = loop, self._until_end_of(loop)
        with hooked_generators(loop), contextlib.suppress(StopIteration):
            self._loop_end.__anext__().send(None)  # it has begun, and waits at its yield

    def end_with_process(self) -> None:
        """Leave the end of the loop, and that of the thread pool, to the end of the process."""
        self._at_exit = True
        self.stop_watching_loop()
        self._lifecycle.handle(Event.EXIT)

    def stop_watching_loop(self) -> None:
        """Watch no longer for the end of a loop that the reactor has left."""
        left, self._loop_end, self._loop = self._loop_end, None, None
        if left is not None:
            # If it were only dropped, its loop, which may be closed, would be asked to finish it.
            with contextlib.suppress(StopIteration, RuntimeError):
                left.aclose().send(None)

    async def _until_end_of(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            if self._loop is loop:
                self._loop = self._loop_end = None
                await self._end_before(loop)

    async def _end_before(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._users or not (self._lifecycle.started or self._pool_end):
            return
        # The loop's owner does this too, but later: no work should outlive the reactor.
        await loop.shutdown_default_executor()
        await self.shut_down()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _NoPool:
    """Replaces a thread pool that is stopped elsewhere."""

    def stop(self) -> None:
        """Do nothing."""


def no_pool() -> ThreadPool:
    """An object that Twisted may stop in place of a pool that is stopped elsewhere."""
    return cast("ThreadPool", _NoPool())
