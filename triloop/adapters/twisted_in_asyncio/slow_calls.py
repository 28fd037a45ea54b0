"""In debug mode, the callbacks of a reactor that take long, as asyncio logs its own."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable
from typing import Any

__all__ = ["SlowCalls"]

#: Seconds, for a loop that does not say.
_USUAL = 0.1

_logger = logging.getLogger("asyncio")


class SlowCalls:
    """Times callbacks; asyncio's own line names no more than the reactor's turn.

    Args:
        loop: Its ``slow_callback_duration`` is the time that a callback may take, in seconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop: Any = loop

    def time(self, what: object, call: Callable[..., object], *args: Any, **kw: Any) -> None:
        """Make a call, and log it if it takes long.

        Args:
            what: What the line names.
            call: What is called.
            *args: Its arguments.
            **kw: The same.
        """
        started = time.monotonic()
        try:
            call(*args, **kw)
        finally:
            took = time.monotonic() - started
            if took >= getattr(self._loop, "slow_callback_duration", _USUAL):
                _logger.warning("Executing %s took %.3f seconds", _named(what), took)


def _named(what: object) -> str:
    """What is timed: a selectable, a timed call, or a call of a thread in its context."""
    if isinstance(what, functools.partial) and what.args:
        what = what.args[0]
    code = getattr(what, "__code__", None)
    if code is None:
        return repr(what)
    name = getattr(what, "__qualname__", repr(what))
    return f"<{name}() at {code.co_filename}:{code.co_firstlineno}>"
