"""With trial: trial --reactor=triloop test_with_trial.py."""

import asyncio

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

import triloop


class ReactorTest(TestCase):
    """Needs nothing: trial runs the reactor."""

    async def test_asyncio_sleeps(self) -> None:
        """Await a coroutine of asyncio's, then a Deferred."""
        assert await triloop.wait(asyncio.sleep(0.01, "slept")) == "slept"
        await deferLater(reactor, 0.01)

    def test_deferred_of_a_coroutine(self) -> Deferred[str]:
        """Return a Deferred, as ever."""
        return triloop.as_deferred(asyncio.sleep(0.01, "slept"))
