"""Which loop is the current one after a TwistedIOLoop was installed."""

from __future__ import annotations

import asyncio

from tornado.ioloop import IOLoop

import triloop
from triloop.adapters.twisted_in_asyncio.poller import LeanReactor


def test_installed_loop_is_the_current_one_and_the_instance() -> None:
    reactors = LeanReactor(), LeanReactor()
    before, loop = (triloop.TwistedIOLoop(one, make_current=False) for one in reactors)
    inner = loop.asyncio_loop
    before.install()
    assert loop.install() is loop
    assert IOLoop.current() is loop
    assert IOLoop.instance() is loop
    assert asyncio.get_event_loop() is inner
    loop.close()
    assert IOLoop.current() is before
    before.close()
    assert IOLoop.current(instance=False) is not before
    for reactor in reactors:
        reactor.close()


def test_a_loop_that_was_closed_leaves_its_reactor_to_another() -> None:
    reactor = LeanReactor()
    for _ in range(3):
        loop = triloop.TwistedIOLoop(reactor).install()
        assert loop.reactor is reactor
        loop.run_sync(lambda: asyncio.sleep(0))
        loop.close()
    reactor.close()
