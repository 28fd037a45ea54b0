"""A Deferred is awaited in asyncio: the reactor that is to fire it has to run."""

from __future__ import annotations

import asyncio
import sys
import weakref
from typing import Any

from triloop.origins import described, warn
from triloop.private.twisted import is_waited_for

__all__ = ["expect_reactor"]

#: The loops in which a warning was given.
_warned: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


def expect_reactor() -> None:
    """Have the global reactor run in the running loop; warn, once a loop, where it never will.

    A Deferred does not tell which reactor it waits for, or whether it waits for one. So there is
    no warning while the global reactor has nothing to do, or the loop is in a reactor of its own.
    """
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is None or getattr(reactor, "running", True):
        return
    loop = asyncio._get_running_loop()
    if loop is None or hasattr(loop, "reactor"):
        return
    has_ended = getattr(reactor, "_startedBefore", False) and not reactor._started
    if hasattr(reactor, "follow") and not has_ended:
        reactor.follow()
    elif loop not in _warned and is_waited_for(reactor):
        _warned.add(loop)
        warn(_explained(reactor, loop, has_ended))


def _explained(reactor: Any, loop: asyncio.AbstractEventLoop, has_ended: bool) -> str:
    silent = f"a Deferred is awaited in {loop!r}, but the global reactor"
    if has_ended:
        return f"{silent} ({reactor!r}) was stopped, and fires nothing any more"
    return (
        f"{silent} is {described(reactor)} and does not run: what waits for it waits for ever. "
        "Call triloop.install() before that, or have the loop run inside the reactor: by "
        "triloop.run(main(), loop_factory=triloop.new_event_loop)"
    )
