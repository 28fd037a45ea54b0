"""With the setting triloop_host: pytest --triloop-host asyncio test_with_pytest.py."""

import asyncio
from typing import Any

import pytest
from twisted.internet.task import deferLater

import triloop


@pytest.mark.triloop
async def test_both_worlds(reactor: Any) -> None:
    """Wait for Twisted, then for asyncio."""
    assert await triloop.wait(deferLater(reactor, 0.01, lambda: 3)) == 3
    await asyncio.sleep(0.01)
