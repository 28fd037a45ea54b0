"""Results, errors and cancellation, translated between the libraries."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any, NoReturn, cast

from twisted.internet import defer
from twisted.python.failure import Failure

__all__ = ["CANCELLED", "exception_of", "raise_failure", "settle"]

#: The errors that mean cancellation, of each library its own.
CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError, defer.CancelledError)


class _Throwable:
    """Stands for the generator that Twisted throws an exception into."""

    @staticmethod
    def throw(error: BaseException) -> BaseException:
        return error


def exception_of(failure: Failure) -> BaseException:
    """The exception that Twisted raises where ``failure`` is awaited, with its own traceback.

    It is the failure's value, but for a failure that came over the network as text: that is a
    ``RemoteError``.
    """
    value: object = failure.value
    if isinstance(value, BaseException):
        # Not by its own method, which may be another one.
        return BaseException.with_traceback(value, failure.tb)
    try:
        return cast("BaseException", failure.throwExceptionIntoGenerator(_Throwable))
    except AttributeError:
        # A string, of a failure that has no way of its own to be thrown.
        return RuntimeError(f"the failure holds no exception: {value!r}")


def raise_failure(failure: Failure) -> NoReturn:
    """Raise the exception of ``failure``, and keep no reference to it in a frame."""
    try:
        raise exception_of(failure)
    finally:
        del failure


def settle(future: asyncio.Future[Any], failure: Failure) -> None:
    """Fail ``future`` with the exception of ``failure``, or cancel it."""
    error = exception_of(failure)
    try:
        if isinstance(error, CANCELLED):
            future.cancel(*error.args[:1])
        elif isinstance(error, StopIteration):
            # A Future refuses it: it would end the generator that waits.
            stopped = RuntimeError("the Deferred failed with StopIteration")
            stopped.__cause__ = error
            future.set_exception(stopped)
        else:
            future.set_exception(error)
    finally:
        del error
