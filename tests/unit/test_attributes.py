"""A loop and its reactor keep few attributes, in the way that CPython finds the fastest.

CPython specializes calls of the methods of an object whose attributes share their names with those
of other objects of the class. Those are 30 at the most, and code that asks such an object for its
``__dict__`` ends it, on some versions.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor

import triloop
from tests.upstream.loops import dispose_of
from triloop.adapters.asyncio_in_twisted.reactors import OwnReactor

#: CPython's SHARED_KEYS_MAX_SIZE.
MOST = 30


def has_asked_for_dict(thing: Any, attribute: str) -> bool:
    """Whether a dict was made of the attributes; also true where each object has one."""
    held = gc.get_referents(thing)
    return any(isinstance(one, dict) and attribute in one for one in held)


@pytest.mark.parametrize("make", [EPollReactor, OwnReactor])
def test_attributes_of_a_loop_and_its_reactor_share_their_names(
    make: Callable[[], EPollReactor],
) -> None:
    reactor = make()
    before = has_asked_for_dict(reactor, "_started")
    with closing(triloop.new_event_loop(reactor)) as loop:
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert has_asked_for_dict(reactor, "_started") == before
        assert len(vars(loop)) <= MOST
        assert len(vars(reactor)) <= MOST
    dispose_of(reactor)
