"""An IOLoop for each test, and a reactor of the test's own in it."""

from tornado.testing import AsyncTestCase, gen_test
from twisted.internet.task import deferLater

import triloop


class ReactorTest(AsyncTestCase):
    """Makes a reactor before each test."""

    def setUp(self) -> None:
        """Make it in the IOLoop of the test."""
        super().setUp()
        self.reactor = triloop.TornadoReactor(self.io_loop)
        self.addCleanup(self.reactor.disconnectAll)
        self.addCleanup(self.reactor.fireSystemEvent, "shutdown")  # the last is called first

    @gen_test
    async def test_twisted_waits(self) -> None:
        """Await a Deferred."""
        waited = deferLater(self.reactor, 0.01, lambda: "waited")
        assert await triloop.wait(waited) == "waited"
