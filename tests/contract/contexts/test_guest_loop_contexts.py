"""The contexts of calls that asyncio code asks a native reactor for."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.contexts.places import ASKER, EMPTY, NATIVE, var, within
from tests.contract.worlds import discard
from triloop import ReactorEventLoop


@pytest.fixture
def loop() -> Iterator[ReactorEventLoop]:
    reactor = NATIVE()
    loop = ReactorEventLoop(reactor)
    yield loop
    loop.close()
    discard(reactor)


class Application:
    """Has a method that may be called."""

    def method(self, *args: object) -> None:
        """Nothing to do."""


def in_turn(loop: ReactorEventLoop, function: Callable[[], Any]) -> Any:
    """Call ``function`` in a turn of the loop, in the context of an asker."""

    async def main() -> Any:
        return within(ASKER, function)

    return loop.run_until_complete(main())


def test_call_shows_the_function_that_was_asked_for(loop: ReactorEventLoop) -> None:
    application = Application()
    functions = application.method, functools.partial(application.method, 1)
    for function in functions:
        outside = loop.reactor.callLater(5, function, 2)
        inside = in_turn(loop, lambda: loop.reactor.callLater(5, function, 2))  # noqa: B023 - called at once
        assert _shown(inside) == _shown(outside)
        assert repr(inside.func) == repr(outside.func)
        assert inside.func.__wrapped__ is function
        inside.cancel()
        outside.cancel()


def _shown(call: Any) -> str:
    """The string of a call, without the parts that vary."""
    return str(call).split("cancelled=0")[1]


def test_calls_of_twisted_code_are_left_alone(loop: ReactorEventLoop) -> None:
    seen: asyncio.Future[str] = loop.create_future()

    def see() -> None:
        seen.set_result(var.get())

    call = within(ASKER, loop.reactor.callLater, 0, see)
    assert call.func is see
    assert loop.run_until_complete(seen) == EMPTY


def test_what_cannot_be_called_is_refused_as_by_twisted(loop: ReactorEventLoop) -> None:
    with pytest.raises(AssertionError, match="not callable"):
        in_turn(loop, lambda: loop.reactor.callFromThread(None))


def test_reactor_is_given_back_as_it_was() -> None:
    reactor = NATIVE()
    before = set(vars(reactor))
    ReactorEventLoop(reactor).close()
    assert set(vars(reactor)) == before
    discard(reactor)
