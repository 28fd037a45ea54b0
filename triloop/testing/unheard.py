"""Errors that nothing handles, and coroutines that nothing awaits."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import provider

from triloop.private.unawaited import telling_of_unawaited

__all__ = ["telling"]

#: The youngest objects, of which those of a test are: the collector looks at them only.
_YOUNG = 1


@contextlib.contextmanager
def telling(
    loop: asyncio.AbstractEventLoop,
    lines: list[str],
    interrupt: Callable[[BaseException], object],
) -> Iterator[None]:
    """Collect a line for each error that is dropped meanwhile.

    That is an error in a Deferred or a Task of which nothing takes note, one that a callback of the
    loop raises, and a coroutine that is never awaited. All are reported as ever, too.

    Args:
        loop: The running loop. A handler of errors that the test sets there goes before.
        lines: Gets the lines.
        interrupt: Called with an exception that is to end the test, and that a callback has raised:
            a time limit of pytest-timeout does so from a signal handler.
    """

    def in_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        problem = context.get("exception")
        if is_interrupt(problem):
            interrupt(problem)
            return
        lines.append(f"an error that nothing has handled: {problem!r}: {context['message']}")
        loop.default_exception_handler(context)

    @provider(ILogObserver)
    def in_log(event: dict[str, Any]) -> None:
        problem = getattr(event.get("log_failure"), "value", None)
        if is_interrupt(problem):
            interrupt(problem)
        elif problem is not None and event.get("log_namespace") == "twisted.internet.defer":
            lines.append(f"an error that nothing has handled, in a Deferred: {problem!r}")

    loop.set_exception_handler(in_loop)
    globalLogPublisher.addObserver(in_log)
    try:
        with telling_of_unawaited(
            lambda name: lines.append(f"a coroutine that was never awaited: {name}")
        ):
            yield
            gc.collect(_YOUNG)
    finally:
        globalLogPublisher.removeObserver(in_log)
        loop.set_exception_handler(None)


def is_interrupt(problem: object) -> TypeGuard[BaseException]:
    """Whether it ends a test: an outcome of pytest's, no error of the program."""
    return isinstance(problem, BaseException) and not isinstance(
        problem, (Exception, asyncio.CancelledError, GeneratorExit)
    )
