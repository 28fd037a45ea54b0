"""What Scrapy's suite passes on Twisted's asyncio reactor, it passes on ours.

A lane of its own: ``make test-scrapy``.
"""

from __future__ import annotations

import os

import pytest

from .conftest import Judge
from .scrapy_runner import LAST, SOURCES

REACTORS = os.environ.get("TRILOOP_SCRAPY_REACTORS", "asyncio").split(",")
MODULES = sorted(
    path.relative_to(SOURCES).as_posix()
    for path in (SOURCES / "tests").glob("test_*")
    if path.name != LAST.name
)

pytestmark = pytest.mark.timeout(3100)  # two runs of a module, each with a limit of its own


@pytest.mark.parametrize("reactor", REACTORS)
@pytest.mark.parametrize("module", MODULES)
def test_module(judge: Judge, module: str, reactor: str) -> None:
    judge("scrapy", reactor, module)
