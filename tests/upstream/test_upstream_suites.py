"""What the native reactor and loop pass, ours pass."""

from __future__ import annotations

import pytest

from .conftest import Judge

pytestmark = pytest.mark.timeout(1000)  # two runs of a suite, each with a limit of its own


@pytest.mark.parametrize("reactor", ["asyncio", "uvloop", "stacked"])
def test_twisted_reactor_tests(judge: Judge, reactor: str) -> None:
    judge("reactorbuilder", reactor)


@pytest.mark.parametrize("loop", ["epoll", "select", "ioloop"])
def test_tornado_suite(judge: Judge, loop: str) -> None:
    judge("tornado", loop)


def test_cpython_asyncio_tests(judge: Judge) -> None:
    judge("asyncio", "epoll")
