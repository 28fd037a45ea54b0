"""Fixtures of the tests of a Twisted reactor as a guest."""

from __future__ import annotations

import pytest

from tests.unit.fakes import FakeClock
from tests.unit.twisted_in_asyncio.timed_reactors import HeapTimers


@pytest.fixture
def timers(clock: FakeClock) -> HeapTimers:
    """The timed calls of a TornadoReactor, on a clock that the test moves."""
    return HeapTimers(clock)
