"""The stay of a reactor in a loop that somebody else runs: who uses it there, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from twisted.python.threadpool import ThreadPool

    from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor

__all__ = ["Stay"]

#: Seconds between two looks for calls of threads that are waited for.
_JOINING = 0.02


class Stay:
    """Counts the users of a reactor in a loop that goes on without it, and shuts it down for them.

    Twisted believes that a reactor ends with its process. Here the loop goes on: nobody may block
    it to join threads, and the reactor is to be fit for the next stay.

    :param reactor: the reactor.

    All methods belong to the thread of the reactor's loop.
    """

    def __init__(self, reactor: TornadoReactor) -> None:
        self._reactor = reactor
        self._users = 0
        self._started_by_users = False
        self._owned_run = True
        self._ending: asyncio.Task[None] | None = None
        self._pool_end: asyncio.Future[None] | None = None
        self._joiner: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_end: AsyncGenerator[None, None] | None = None

    # The users

    def enter(self) -> None:
        """Begin to use the reactor in the running loop; the first user starts it.

        :raises RuntimeError: when the reactor runs in another loop.
        """
        reactor = self._reactor
        reactor.follow()
        if not reactor._started:
            self._owned_run = reactor.start_for_others()
            self._started_by_users = True
        self._users += 1

    async def leave(self) -> None:
        """Use it no longer; the last user shuts down what the first one has started."""
        self._users -= 1
        if self._users or not self._started_by_users:
            return
        self._started_by_users = False
        self._ending = asyncio.ensure_future(self._end())
        try:
            await asyncio.shield(self._ending)
        except asyncio.CancelledError:
            # Half an end would be none: who is in a hurry has to cancel twice.
            await asyncio.wait([self._ending])
            raise
        finally:
            self._ending = None

    async def over(self) -> None:
        """Wait for an end that is under way in the running loop."""
        while self._ending is not None and self._ending.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([self._ending])
            await asyncio.sleep(0)

    async def _end(self) -> None:
        await self.shut_down()
        self._reactor._owns_run = self._owned_run

    # The end

    async def shut_down(self) -> None:
        """Stop the reactor, wait for the shutdown triggers, and for the thread pool.

        Afterwards the reactor is as it was before its start. Calls from threads that end
        meanwhile are still run, and the loop is not blocked.
        """
        reactor = self._reactor
        reactor.on_stop = None
        if not reactor.is_closed and not reactor._started:
            reactor.start_for_others()  # it was left by crash(), and shall have a proper end
        if reactor._started:
            ended = asyncio.get_running_loop().create_future()
            reactor.addSystemEventTrigger("after", "shutdown", _resolve, ended)
            reactor.orderly_stop.hurry()  # whoever is here has seen to what it would wait for
            if not reactor._stopped:
                reactor.stop()
            await ended
        await self._join_pool()
        reactor._startedBefore = False

    def retire(self, pool: ThreadPool) -> None:
        """Have the threads of ``pool`` end; :meth:`shut_down` waits for that."""
        loop = self._reactor._asyncioEventloop
        done = self._pool_end = loop.create_future()

        def stop() -> None:
            pool.stop()
            with contextlib.suppress(RuntimeError):  # the loop was closed without waiting
                loop.call_soon_threadsafe(_resolve, done)

        self._joiner = threading.Thread(target=stop, name="triloop: joins the thread pool")
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
            self._joiner = None

    # The loop's end

    def end_with_loop(self) -> None:
        """Have the loop shut the reactor down before it is closed, if nobody else has by then.

        An asynchronous generator that is under way is the one thing that every loop's owner
        (asyncio.run, a Runner, uvloop.run) waits for before closing the loop.
        """
        loop = self._reactor._asyncioEventloop
        if self._loop is loop and self._loop_end is not None:
            return
        self.forget_loop()
        self._loop, self._loop_end = loop, self._until_end_of(loop)
        with contextlib.suppress(StopIteration):  # it has begun, and waits at its yield
            self._loop_end.__anext__().send(None)

    def forget_loop(self) -> None:
        """Watch no longer for the end of a loop that the reactor has left."""
        left, self._loop_end, self._loop = self._loop_end, None, None
        if left is not None:
            # To drop it under way would have its loop, which may be gone, asked to finish it.
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
        if self._users or not (self._reactor._started or self._pool_end):
            return
        # The loop's owner would do this after the reactor's end, and no work should outlive that.
        await loop.shutdown_default_executor()
        await self.shut_down()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _NoPool:
    """In the place of a thread pool that is stopped elsewhere."""

    def stop(self) -> None:
        """Nothing to stop here."""


def no_pool() -> ThreadPool:
    """What Twisted may stop in the place of a pool that is retired."""
    return cast("ThreadPool", _NoPool())
