"""Names of Tornado 5 say what they are called here."""

import re

import pytest
import tornado.platform.twisted
from tornado.netutil import Resolver

import triloop

REMOVED = ["TornadoReactor", "TwistedIOLoop", "TwistedResolver"]


@pytest.mark.parametrize("name", REMOVED)
def test_removed_name_gives_the_new_one(name: str) -> None:
    assert hasattr(triloop, name)
    with pytest.raises(ImportError, match=re.escape(f"use triloop.{name}")):
        getattr(tornado.platform.twisted, name)


def test_resolver_of_tornado_5_gives_the_new_one() -> None:
    with pytest.raises(ImportError, match=r"triloop\.TwistedResolver"):
        Resolver.configure("tornado.platform.twisted.TwistedResolver")


def test_other_names_are_missing_as_usual() -> None:
    assert not hasattr(tornado.platform.twisted, "no_such_name")
    assert hasattr(tornado.platform.twisted, "install")
