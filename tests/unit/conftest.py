"""What several of the tests of parts are given."""

from __future__ import annotations

import pytest

from tests.unit.embedded_worlds import World
from tests.unit.fakes import FakeClock
from tests.unit.timed_reactors import HeapTimers


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def timers(clock: FakeClock) -> HeapTimers:
    """What holds of ours only."""
    return HeapTimers(clock)


@pytest.fixture
def world() -> World:
    """A world whose guest is attached and idle."""
    world = World()
    world.embedding.attach()
    return world.settle()
