"""A loop for each test, and the reactor attached to it."""

import unittest

from twisted.internet.task import deferLater

import triloop


class ReactorTest(unittest.IsolatedAsyncioTestCase):
    """Attaches the reactor before each test."""

    async def asyncSetUp(self) -> None:
        """Enter the block that the clean-up leaves."""
        attached = triloop.attached()
        self.reactor = await attached.__aenter__()
        self.addAsyncCleanup(attached.__aexit__, None, None, None)

    async def test_twisted_waits(self) -> None:
        """Await a Deferred."""
        waited = deferLater(self.reactor, 0.01, lambda: "waited")
        assert await triloop.wait(waited) == "waited"
