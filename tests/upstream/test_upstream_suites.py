"""What the native reactor and loop pass, ours pass."""

from __future__ import annotations

import os

import pytest

from .conftest import Judge

#: Whether all kinds are judged, as `make test-upstream` has it, or one of each kind of nesting.
ALL = os.environ.get("TRILOOP_UPSTREAM") == "all"
REACTORS = ["asyncio", "uvloop", *(["stacked"] if ALL else [])]
LOOPS = ["ioloop", *(["epoll", "select"] if ALL else [])]

pytestmark = pytest.mark.timeout(1000)  # two runs of a suite, each with a limit of its own


@pytest.mark.parametrize("reactor", REACTORS)
def test_twisted_reactor_tests(judge: Judge, reactor: str) -> None:
    judge("reactorbuilder", reactor)


@pytest.mark.parametrize("loop", LOOPS)
def test_tornado_suite(judge: Judge, loop: str) -> None:
    judge("tornado", loop)


def test_cpython_asyncio_tests(judge: Judge) -> None:
    judge("asyncio", "epoll")
