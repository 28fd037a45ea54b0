"""Runs Twisted's ReactorBuilder tests.

``python -m tests.upstream.reactorbuilder_runner REACTOR RECORD [TEST...]``
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import SkipTest

import twisted.internet.test
import twisted.test
from twisted.internet.test import reactormixins
from twisted.internet.test.reactormixins import ReactorBuilder

from . import reactors
from .recording import RecordingRunner, selection

REACTOR_SECONDS = 15
"""How long, in seconds, a test may run its reactor; Twisted's own limit is 120."""


def modules_with_reactor_tests() -> Iterator[str]:
    """The names of the modules of Twisted that mention ReactorBuilder."""
    for package in (twisted.internet.test, twisted.test):
        for found in pkgutil.iter_modules(package.__path__):
            path = Path(package.__path__[0], f"{found.name}.py")
            if found.name.startswith("test_") and "ReactorBuilder" in path.read_text("utf-8"):
                yield f"{package.__name__}.{found.name}"


def reactor_tests(factory: reactors.Factory) -> unittest.TestSuite:
    """All test cases that ReactorBuilder has made for ``factory``."""
    suite = unittest.TestSuite()
    for name in modules_with_reactor_tests():
        for case in vars(importlib.import_module(name)).values():
            if isinstance(case, type) and case.__dict__.get("reactorFactory") is factory:
                suite.addTest(unittest.defaultTestLoader.loadTestsFromTestCase(case))
    return suite


def fail_where_no_reactor_is_made() -> None:
    """Make an error in making a reactor a failure: ReactorBuilder would skip the test."""
    skipping_build = ReactorBuilder.buildReactor

    def build_reactor(self: ReactorBuilder) -> Any:
        try:
            return skipping_build(self)  # type: ignore[no-untyped-call]
        except SkipTest as skip:
            # It also skips for a missing interface: that is not an error, and has no context.
            if skip.__context__ is None:
                raise
            raise skip.__context__ from None

    ReactorBuilder.buildReactor = build_reactor  # type: ignore[method-assign]


def main() -> None:
    name, record, *wanted = sys.argv[1:]
    # The test modules make their cases from this list when they are imported.
    ReactorBuilder._reactors = [reactors.choose(name)]
    vars(reactormixins)["DEFAULT_TIMEOUT_DURATION"] = REACTOR_SECONDS
    fail_where_no_reactor_is_made()
    RecordingRunner(Path(record)).run(selection(reactor_tests(reactors.Reactor), wanted))


if __name__ == "__main__":
    main()
