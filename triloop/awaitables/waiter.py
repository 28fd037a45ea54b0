"""The object that an ``await`` yields: a Deferred for Twisted's driver, a future for a Task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Protocol, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from triloop.awaitables import call_graph
from triloop.awaitables.outcomes import CANCELLED, exception_of, raise_failure
from triloop.awaited_reactor import expect_reactor
from triloop.private.deferreds import count_as_handled

__all__ = ["Driver", "Waiter", "await_deferred", "await_future"]

T = TypeVar("T")


class Driver(Protocol):
    """Runs a Task that goes on as soon as the Deferred that it awaits has fired."""

    #: The await that the Task is at, if that is one of a Deferred.
    waiter: Waiter | None

    def go_on(self, step: Callable[[Any], object], waiter: Waiter, context: Context) -> None:
        """Call ``step(waiter)`` in ``context``."""


def _nothing() -> None:
    """The result that a Waiter has as a future, and by this function as a Deferred too."""


class Waiter(Deferred[Any]):
    """One ``await``, by Twisted's driver of coroutines or by a Task of asyncio.

    Both look at what a coroutine yields: Twisted's for a subclass of Deferred, a Task for the
    attribute by which asyncio's documentation tells a future from other objects. A Task then calls
    :meth:`add_done_callback`; others add callbacks, as to any Deferred. The result is not
    handed over by them: the generator that yielded the waiter takes it from there.
    """

    _asyncio_future_blocking = True

    def __init__(
        self,
        source: Deferred[Any] | asyncio.Future[Any],
        loop: asyncio.AbstractEventLoop | None,
        driver: Driver | None,
    ) -> None:
        super().__init__()
        self._source: Deferred[Any] | asyncio.Future[Any] | None = source
        self._driver = driver
        self._step: Callable[[Any], object] | None = None
        self._context: Context | None = None
        self._loop = loop
        self.has_fired = False
        self._outcome: Any = None
        self._task: asyncio.Task[Any] | None = None
        self._awaited: list[asyncio.Future[Any]] | None = None
        self._cancelled_with: tuple[Any, ...] | None = None

    # -- what a Task asks of a future -----------------------------------------------------------

    def get_loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop in which the await began."""
        return self._loop

    def add_done_callback(
        self, step: Callable[[Any], object], *, context: Context | None = None
    ) -> None:
        """Note how the Task is woken."""
        self._step = step
        self._context = context
        if self.has_fired:
            self.wake_later()
            return
        if self._driver is not None:
            self._driver.waiter = self
        if call_graph.IS_KEPT and self._source is not None:
            self._task = asyncio.current_task(self._loop)
            self._awaited = call_graph.begin_wait(self._source, self._task)

    def cancel(self, msg: Any = None) -> bool:  # type: ignore[override]  # a Task asks for the bool
        """Cancel what is waited for; the await goes on when that has come to its end.

        Returns:
            Whether the cancellation reaches the coroutine by way of this waiter.
        """
        if self._source is None:
            return self._cancelled_with is not None
        if self._step is not None:
            self._cancelled_with = () if msg is None else (msg,)
        if isinstance(self._source, asyncio.Future):
            return self._source.cancel(msg)  # False if it is done: the Task has yet to see that
        self.cancel_source()
        return True

    def cancel_source(self) -> None:
        """Cancel what is waited for; the await gives its outcome."""
        if self._source is None:
            return
        try:
            self._source.cancel()
        except Exception:  # noqa: BLE001 - of the Deferred's canceller: there is nothing to wait for
            self._fire(Failure())

    #: What a Deferred has as an attribute is a method of a future; see the class.
    result: Any = staticmethod(_nothing)

    # -- the end --------------------------------------------------------------------------------

    def deferred_fired(self, result: Any) -> Any:
        """Take the result of a Deferred at this place of its chain, as a callback of it.

        The Deferred keeps it for later callbacks. It also keeps a failure, which counts as handled.
        """
        source: Any = self._source
        if source is None:  # its canceller has raised an exception
            return result
        self._fire(result)
        if not isinstance(result, Failure):
            return result
        if self._loop is None:
            return None  # as Twisted does: there is nothing by which to come back to it
        self._loop.call_soon(count_as_handled, source, result)
        return result

    def future_done(self, future: asyncio.Future[Any]) -> None:
        """Go on when a Future is done, as a callback of it."""
        self._fire(None)

    def _fire(self, outcome: Any) -> None:
        self._source = None
        self.has_fired = True
        if self._awaited is not None:
            call_graph.end_wait(self._awaited, self._task)
            self._task = None
        self._outcome = outcome
        if self._step is None:
            # No Task waits: Twisted's driver does, or it has yet to be yielded, perhaps to a Task.
            self.callback(_nothing)
        elif self._driver is not None and self._cancelled_with is None:
            assert self._context is not None
            self._driver.waiter = None
            self._driver.go_on(self._step, self, self._context)
        else:
            self.wake_later()

    def wake_later(self) -> None:
        """Have the Task go on in the next pass of the loop."""
        assert self._loop is not None
        assert self._step is not None
        self._loop.call_soon(self._step, self, context=self._context)

    def take_outcome(self) -> Any:
        """Give the result of the Deferred, or the Failure that the driver is to see."""
        outcome, self._outcome = self._outcome, None
        if self._cancelled_with is not None:
            return Failure(self._cancelled(outcome))
        return outcome

    def take(self, translate: bool) -> Any:
        """Give the result of the Deferred, or raise what the driver is to see."""
        outcome, self._outcome = self._outcome, None
        try:
            if self._cancelled_with is not None:
                raise self._cancelled(outcome)
            if not isinstance(outcome, Failure):
                return outcome
            if translate and isinstance(outcome.value, CANCELLED):
                raise self.cancelled_error(*outcome.value.args)
            raise_failure(outcome)
        finally:
            del outcome

    def cancelled_error(self, *args: Any) -> BaseException:
        """The CancelledError of the driver's own library."""
        by_twisted = self._step is None or self._driver is not None
        kind = defer.CancelledError if by_twisted else asyncio.CancelledError
        return kind(*args)

    def _cancelled(self, outcome: Any) -> BaseException:
        """The error of a Task that was cancelled while it waited, with what came of that."""
        error = asyncio.CancelledError(*(self._cancelled_with or ()))
        if isinstance(outcome, Failure) and not isinstance(outcome.value, CANCELLED):
            error.__cause__ = exception_of(outcome)
        return error

    def __repr__(self) -> str:
        return f"<await of {self._source!r}>"


def await_deferred(
    deferred: Deferred[T],
    loop: asyncio.AbstractEventLoop | None,
    driver: Driver | None,
    *,
    translate: bool = False,
) -> Generator[Any, Any, T]:
    """Wait for ``deferred``, whichever library drives the coroutine.

    Args:
        deferred: What is waited for. Its result is the one at this place of its chain.
        loop: The running loop, if there is one.
        driver: What runs the Task, if that goes on as soon as the Deferred has fired, and not in
            the next pass of the loop.
        translate: Whether a cancelled Deferred raises the CancelledError of the driver's library,
            not Twisted's.
    """
    if deferred.called and not deferred.paused:
        result: Any = deferred.result
        if not isinstance(result, Failure):
            return result  # type: ignore[no-any-return]
        if not translate or not isinstance(result.value, CANCELLED):
            count_as_handled(deferred, result)
            try:
                raise_failure(result)
            finally:
                del result
        del result
    expect_reactor()
    waiter = Waiter(deferred, loop, driver)
    deferred.addBoth(waiter.deferred_fired)
    del deferred
    yield waiter
    return waiter.take(translate)  # type: ignore[no-any-return]


def await_future(
    future: asyncio.Future[T], loop: asyncio.AbstractEventLoop | None, driver: Driver | None
) -> Generator[Any, Any, T]:
    """Wait for ``future``, whichever library drives the coroutine.

    A cancelled Future raises the CancelledError of the driver's own library, and so does one that
    failed with the CancelledError of another. See :func:`await_deferred`.
    """
    if not future.done() or _cancellation_of(future) is not None:
        waiter = Waiter(future, loop, driver)
        future.add_done_callback(waiter.future_done)
        yield waiter
        cancelled = _cancellation_of(future)
        if cancelled is not None:
            raise waiter.cancelled_error(*cancelled.args)
    return future.result()


def _cancellation_of(future: asyncio.Future[Any]) -> BaseException | None:
    """The error of a Future that was cancelled, in whichever library."""
    try:
        error = future.exception()
    except asyncio.CancelledError as cancelled:
        return cancelled
    return error if isinstance(error, CANCELLED) else None
