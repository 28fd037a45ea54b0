"""Async fixtures, run in the loop of the present test."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from triloop.awaitables import as_future
from triloop.private.pytest_twisted import is_fixture
from triloop.testing.loops import TestLoop

__all__ = ["adapted"]


def adapted(
    function: Callable[..., Any], request: pytest.FixtureRequest, loop: TestLoop
) -> Callable[..., Any]:
    """Have a fixture of a marked test run where it belongs.

    Args:
        function: That of the fixture, of any kind.
        request: Who asks for it.
        loop: That of the test.

    Returns:
        A function for pytest or, if it is one of pytest-twisted's, for that.
    """
    is_generator = inspect.isasyncgenfunction(function)
    if is_fixture(function):
        return unhooked(function) if is_generator else function
    is_async = is_generator or inspect.iscoroutinefunction(function)
    return synchronous(function, request, loop) if is_async else function


def unhooked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep a fixture of pytest-twisted's from a loop that ends before it."""

    @functools.wraps(function)
    def make(**arguments: Any) -> Any:
        return _Unhooked(function(**arguments))

    return make


class _Unhooked:
    """An asynchronous generator of which no loop knows, so that none will close it."""

    def __init__(self, generator: AsyncGenerator[Any, None]) -> None:
        self._generator = generator

    def __anext__(self) -> Awaitable[Any]:
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(None, None)
        try:
            return self._generator.__anext__()
        finally:
            sys.set_asyncgen_hooks(*hooks)


def synchronous(
    function: Callable[..., Any], request: pytest.FixtureRequest, loop: TestLoop
) -> Callable[..., Any]:
    """Make a fixture of pytest's own kind of an async one.

    Args:
        function: An ``async def`` function, with or without a ``yield``.
        request: Who asks for the fixture.
        loop: Where it runs.
    """
    if request.scope != "function":
        pytest.fail(
            f"the async fixture {request.fixturename!r} has the scope {request.scope!r}, and each "
            "test has a loop of its own: give it the scope of a function, or make it a plain "
            "function",
            pytrace=False,
        )
    instance = request.instance
    if inspect.ismethod(function) and isinstance(instance, type(function.__self__)):
        function = function.__func__.__get__(instance)  # pytest has bound it to another instance

    def returning(**arguments: Any) -> Any:
        return loop.run(anything(function(**arguments)))

    def yielding(**arguments: Any) -> Iterator[Any]:
        generator = function(**arguments)
        yield loop.run(anything(generator.__anext__()))
        try:
            loop.run(anything(generator.__anext__()))
        except StopAsyncIteration:
            return
        pytest.fail(f"the fixture {request.fixturename!r} has more than one yield", pytrace=False)

    return yielding if inspect.isasyncgenfunction(function) else returning


async def anything(step: Awaitable[Any]) -> Any:
    """Await a step of a fixture, which may await anything, as a test may."""
    return await as_future(_coroutine(step))


async def _coroutine(step: Awaitable[Any]) -> Any:
    return await step
