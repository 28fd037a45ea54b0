"""Fixtures of the unit tests."""

from __future__ import annotations

import pytest

from tests.unit.embedded_worlds import World
from tests.unit.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def world() -> World:
    """A world whose guest is attached and idle."""
    world = World()
    world.embedding.attach()
    return world.settle()
