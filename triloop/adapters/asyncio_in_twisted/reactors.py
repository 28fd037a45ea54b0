"""Which reactor a new loop is on, and whether anything will run that."""

from __future__ import annotations

import sys
import threading
from typing import Any

from triloop.adapters.asyncio_in_twisted.life import check_able_to_run
from triloop.adapters.twisted_in_asyncio.poller import LeanReactor
from triloop.adapters.twisted_in_asyncio.timers import TimedReactor
from triloop.default_loop import nested_loops
from triloop.origins import remember
from triloop.private.cpython import running_loop
from triloop.private.reactors import host_loop_of
from triloop.private.twisted import runs_elsewhere

__all__ = ["RUN_TWISTED_INSIDE", "reactor_for", "refuse_within_running_loop", "will_run"]

#: For errors.
RUN_TWISTED_INSIDE = (
    "To have Twisted run inside the running loop use `async with triloop.attached() as reactor` or "
    "triloop.install()"
)


class OwnReactor(TimedReactor, LeanReactor):
    """A reactor for one loop, with short ways from its poll and its timed calls to the loop."""

    # As in the loop: together with what Twisted sets, these would be more than 30.
    __slots__ = (
        "_current",
        "_found",
        "_granting",
        "contexts",
        "early_writers",
        "interrupt",
        "timed_calls",
    )


def reactor_for(reactor: Any) -> tuple[Any, bool]:
    """Choose the reactor of a new loop; also return whether only this loop uses it."""
    if reactor is None:
        is_new = "twisted.internet.reactor" not in sys.modules
        from twisted.internet import reactor  # the global one, installed if there is none

        if is_new:
            remember(reactor)
        own = _is_taken(reactor) or runs_elsewhere(reactor)
        return (OwnReactor() if own else reactor), own
    if _is_taken(reactor):
        raise ValueError(
            f"an open asyncio loop is on {reactor!r} already: two loops need two reactors. "
            "Give this one another, or close the other loop first"
        )
    check_able_to_run(reactor)
    if runs_elsewhere(reactor):
        raise RuntimeError(
            f"{reactor!r} runs in another thread than the present one "
            f"({threading.current_thread().name}): make its loop there, by reactor.callFromThread()"
        )
    return reactor, False


def refuse_within_running_loop(reactor: Any) -> None:
    """Refuse to install a loop on ``reactor`` inside a running loop, where it would never run.

    Args:
        reactor: None for the one that a new loop would get.

    Raises:
        RuntimeError: A loop runs in this thread, and nothing will run ``reactor``.
    """
    running = running_loop()
    if running is None:
        return
    if reactor is None:
        reactor = sys.modules.get("twisted.internet.reactor")
        if reactor is not None and (_is_taken(reactor) or runs_elsewhere(reactor)):
            reactor = None  # it would get one of its own
    if not will_run(reactor):
        raise RuntimeError(
            f"{running!r} runs in this thread already, and nothing will run the reactor of a "
            f"TwistedIOLoop here. {RUN_TWISTED_INSIDE}"
        )


def will_run(reactor: Any) -> bool:
    """Whether ``reactor`` runs, or is going to inside the loop that runs in this thread."""
    if reactor is None:
        return False
    inside = host_loop_of(reactor) is running_loop()
    runs = bool(getattr(reactor, "running", False))
    return runs or inside or hasattr(reactor, "follow")


def _is_taken(reactor: object) -> bool:
    return any(loop.reactor is reactor for loop in nested_loops)
