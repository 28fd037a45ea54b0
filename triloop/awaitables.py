"""Deferred, Future, coroutine: each as each.

`as_future` and `as_deferred` carry the result, the very exception object with its traceback,
and cancellation in both directions.  Importing this module also teaches Tornado's
``@gen.coroutine`` to accept a yielded Deferred.

Thread rule: both functions, and whatever they return, belong to the thread of the event loop.
Only a `concurrent.futures.Future` may complete elsewhere; what it completes with is delivered
in the loop's thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import types
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar, Union, cast

from tornado import gen
from tornado.ioloop import IOLoop
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from triloop.default_loop import default_loop

__all__ = ["as_deferred", "as_future"]

T = TypeVar("T")
Convertible = Union[Deferred[T], "asyncio.Future[T]", "concurrent.futures.Future[T]", Awaitable[T]]

_CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError, defer.CancelledError)
_CANCEL_ASKED = object()


def as_future(
    x: Convertible[T], *, loop: asyncio.AbstractEventLoop | None = None
) -> asyncio.Future[T]:
    """Give ``x`` as an asyncio Future, which is Tornado's Future too.

    Called in the loop's thread. ``twisted.internet.defer.CancelledError`` becomes
    ``asyncio.CancelledError``, and cancelling the Future cancels ``x``; what ``x`` still comes to
    after that is dropped. A Deferred keeps its result, but its failure moves to the Future.

    Args:
        x: A Deferred, an asyncio or concurrent Future, or anything awaitable. A coroutine runs as
            a Task and may await Deferreds as well as Futures. An asyncio Future comes back as it
            is.
        loop: The loop of the Future. By default the running loop; before any runs, that of the
            installed reactor, or the thread's current one.

    Returns:
        A Future with the result or the very exception of ``x``, done at once if a Deferred ``x``
        has fired.

    Raises:
        TypeError: ``x`` is none of these.
        RuntimeError: No loop is given and none can be found, or it runs in another thread.
        ValueError: ``x`` is an asyncio Future of another loop than ``loop``.
    """
    if isinstance(x, asyncio.Future):
        return asyncio.ensure_future(x, loop=loop)
    if not _is_convertible(x):
        raise TypeError(_wrong_type("as_future", x))
    loop = loop or default_loop()
    if isinstance(x, Deferred):
        return _deferred_as_future(x, loop)
    if isinstance(x, concurrent.futures.Future):
        return asyncio.wrap_future(x, loop=loop)
    return loop.create_task(_run_awaitable(x))


def as_deferred(x: Convertible[T]) -> Deferred[T]:
    """Give ``x`` as a Deferred.

    Called in the loop's thread. ``asyncio.CancelledError`` becomes
    ``twisted.internet.defer.CancelledError``. Cancelling the Deferred cancels ``x``, and the
    Deferred fires when ``x`` has ended, with whatever it ended with: a coroutine may clean up
    first, or refuse.

    Args:
        x: A Deferred, an asyncio or concurrent Future, or anything awaitable. A coroutine runs as
            a Task of the loop that `as_future` would choose, and may await Deferreds as well as
            Futures. A Deferred comes back as it is.

    Returns:
        A Deferred with the result or the very exception of ``x``, fired already if ``x`` is an
        asyncio Future that is done.

    Raises:
        TypeError: ``x`` is none of these.
        RuntimeError: ``x`` needs a loop and none can be found.
    """
    if isinstance(x, Deferred):
        return x
    if not _is_convertible(x):
        raise TypeError(_wrong_type("as_deferred", x))
    return _Delivery(as_future(x)).deferred()


# -- a Deferred as a Future ---------------------------------------------------------------------


def _deferred_as_future(
    deferred: Deferred[T], loop: asyncio.AbstractEventLoop
) -> asyncio.Future[T]:
    future: asyncio.Future[T] = loop.create_future()
    deferred.addCallbacks(_succeed, _fail, callbackArgs=(future,), errbackArgs=(future,))
    if not future.done():
        future.add_done_callback(_canceller(deferred))
    return future


def _succeed(result: T, future: asyncio.Future[T]) -> T:
    if not future.done():
        future.set_result(result)
    return result


def _fail(failure: Failure, future: asyncio.Future[Any]) -> None:
    if future.done():
        return
    error = cast("BaseException", failure.value)
    if isinstance(error, _CANCELLED):
        future.cancel()
        return
    if isinstance(error, StopIteration):
        # A Future refuses it: it would end the generator that waits.
        stopped = RuntimeError("the Deferred failed with StopIteration")
        stopped.__cause__ = error
        error = stopped
    future.set_exception(error)


def _canceller(deferred: Deferred[Any]) -> Callable[[asyncio.Future[Any]], None]:
    def cancel_deferred(future: asyncio.Future[Any]) -> None:
        if future.cancelled():
            deferred.cancel()

    return cancel_deferred


# -- a Future as a Deferred ---------------------------------------------------------------------


class _Delivery:
    """Delivers one Future to a Deferred, which may be cancelled more than once meanwhile."""

    __slots__ = ("_future", "_waiting")

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self._future = future
        self._waiting: Deferred[Any] | None = None

    def deferred(self) -> Deferred[Any]:
        if self._future.done():
            return _fire(Deferred(), self._future)
        deferred = self._wait()
        self._future.add_done_callback(self._done)
        return deferred

    def _wait(self) -> Deferred[Any]:
        self._waiting = Deferred(self._cancel)
        return self._waiting.addCallback(self._keep_waiting)

    def _done(self, future: asyncio.Future[Any]) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            _fire(waiting, future)

    def _cancel(self, deferred: Deferred[Any]) -> None:
        # Firing here, with a mark, keeps Deferred.cancel from firing CancelledError before the
        # Future has ended: a Task may take time to end, or refuse.
        self._future.cancel()
        deferred.callback(_CANCEL_ASKED)

    def _keep_waiting(self, result: Any) -> Any:
        return self._wait() if result is _CANCEL_ASKED else result


def _fire(deferred: Deferred[T], future: asyncio.Future[T]) -> Deferred[T]:
    if future.cancelled():
        deferred.errback(_failure(defer.CancelledError()))
        return deferred
    error = future.exception()
    if error is None:
        deferred.callback(future.result())
    else:
        deferred.errback(_failure(error))
    return deferred


def _failure(error: BaseException) -> Failure:
    return Failure(error)


# -- a coroutine that awaits Deferreds and Futures alike ----------------------------------------


async def _run_awaitable(awaitable: Awaitable[T]) -> T:
    return await _drive(awaitable)


@types.coroutine
def _drive(awaitable: Awaitable[T]) -> Generator[Any, Any, T]:
    """Run ``awaitable`` in the current Task, which is given a Future for each Deferred.

    Whatever else the awaitable waits for goes to the Task as it is.
    """
    steps: Any = awaitable if inspect.iscoroutine(awaitable) else awaitable.__await__()
    error: BaseException | None = None
    value: Any = None
    while True:
        try:
            waited_for = steps.send(value) if error is None else steps.throw(error)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            # The traceback of an error that leaves here holds this frame: no cycle with it.
            error = value = None
        try:
            if isinstance(waited_for, Deferred):
                yield from as_future(waited_for)
            else:
                value = yield waited_for
        except BaseException as thrown:  # noqa: BLE001  # for the awaitable, be it cancel or close
            error = thrown


# -- what is accepted, and where it runs --------------------------------------------------------


def _is_convertible(x: object) -> bool:
    return isinstance(x, concurrent.futures.Future) or inspect.isawaitable(x)


def _wrong_type(function: str, x: object) -> str:
    wanted = f"{function} needs a Deferred, a Future or something awaitable; got {x!r}"
    if inspect.iscoroutinefunction(x) or inspect.isgeneratorfunction(x):
        return f"{wanted}: call it, and pass what it returns"
    if inspect.isgenerator(x):
        return f"{wanted}: decorate its function with inlineCallbacks or gen.coroutine"
    return f"{wanted}: pass such an object, or use succeed() or a coroutine to make one of a value"


def _yielded_deferred(deferred: Deferred[T]) -> asyncio.Future[T]:
    # Before the loop runs, gen.coroutine goes on with Tornado's current one.
    return as_future(deferred, loop=IOLoop.current().asyncio_loop)  # type: ignore[attr-defined]


gen.convert_yielded.register(Deferred, _yielded_deferred)  # type: ignore[attr-defined]
