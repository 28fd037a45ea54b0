"""The contextvars context of calls that asyncio code asks a reactor for: that of the code.

Twisted's own reactors have no contexts: they run every call in the one that they were started in.
For Twisted's code it stays so. A call that is asked for in a turn of the loop, by a task or a
callback of asyncio's, keeps the context in which it was asked for. So do the calls that such a call
asks for, like those of a LoopingCall.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

__all__ = ["CallsInContext", "InContext"]

#: Whether calls that are asked for in this context run in it.
_kept: ContextVar[bool] = ContextVar("triloop: kept", default=False)


class InContext:
    """A function that runs in a copy of the context in which this was made; for one call.

    In everything else, above all in logs, it looks like the function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function
        self.__module__ = str(getattr(function, "__module__", ""))  # which the class has, too
        self._run = copy_context().run
        self._run(_kept.set, True)

    def __call__(self, *args: Any, **kw: Any) -> Any:
        """Call the function."""
        return self._run(self.__wrapped__, *args, **kw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)


class CallsInContext:
    """Stands in for the methods by which a reactor is asked to call something.

    Args:
        reactor: The reactor, whose own methods are looked up now.
        in_turn: Whether the caller is in a turn of the loop.
    """

    def __init__(self, reactor: Any, in_turn: Callable[[], bool]) -> None:
        self._later = reactor.callLater
        self._from_thread = reactor.callFromThread
        self._at_event = reactor.addSystemEventTrigger
        self._in_turn = in_turn

    def methods(self) -> dict[str, Callable[..., Any]]:
        """The methods, by their names in the reactor."""
        return {
            "callLater": self._call_later,
            "callFromThread": self._call_from_thread,
            "addSystemEventTrigger": self._call_at_event,
        }

    def _call_later(self, delay: float, callable: Any, *args: Any, **kw: Any) -> Any:
        return self._later(delay, self._kept(callable), *args, **kw)

    def _call_from_thread(self, callable: Any, *args: Any, **kw: Any) -> Any:
        return self._from_thread(self._kept(callable), *args, **kw)

    def _call_at_event(self, phase: str, event: str, callable: Any, *args: Any, **kw: Any) -> Any:
        return self._at_event(phase, event, self._kept(callable), *args, **kw)

    def _kept(self, function: Any) -> Any:
        # The reactor itself refuses what cannot be called.
        kept = self._in_turn() or _kept.get()
        return InContext(function) if kept and callable(function) else function
