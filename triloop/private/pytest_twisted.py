"""pytest-twisted, which runs the global reactor in a greenlet, with pauses, for a whole session.

Between two of its tests that reactor stands still in the middle of a callback.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["PytestTwisted", "is_fixture"]


class PytestTwisted:
    """That plug-in, with a reactor that is installed already.

    Args:
        reactor: The global reactor, of any class; it is what ``--reactor=default`` means.
        run: Runs it.
    """

    def __init__(self, reactor: Any, run: Callable[[], object]) -> None:
        self._own: Any = sys.modules["pytest_twisted"]
        self._reactor = reactor
        self._run = run
        for name in ("default", "asyncio"):
            self._own.reactor_installers[name] = self._begin

    def _begin(self) -> None:
        """Have the next of its tests begin a run of the reactor."""
        instances = self._own._instances
        instances.reactor, instances.gr_twisted = self._reactor, None
        self._own.init_twisted_greenlet()
        instances.gr_twisted = type(instances.gr_twisted)(self._run)

    def rest(self) -> None:
        """End its run of the reactor, by ``crash()``."""
        greenlet = self._own._instances.gr_twisted
        if greenlet:  # it has begun
            self._reactor.crash()
            greenlet.switch()
            self._begin()


def is_fixture(function: object) -> bool:
    """Whether this is an async fixture that pytest-twisted runs."""
    own: Any = sys.modules.get("pytest_twisted")
    return own is not None and own._get_mark(function) is not None
