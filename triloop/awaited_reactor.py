"""When asyncio code awaits a Deferred: start the reactor that has to fire it, or warn."""

from __future__ import annotations

import asyncio
import sys
import weakref
from threading import get_ident
from typing import Any

from twisted.python import threadable

from triloop.default_loop import host_loops
from triloop.origins import described, warn
from triloop.private.cpython import running_loop
from triloop.private.reactors import has_ended
from triloop.private.twisted import is_waited_for, runs_elsewhere

__all__ = ["expect", "expect_reactor"]

#: The loops in which a warning was given.
_warned: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


def expect_reactor() -> None:
    """Have the global reactor run in the running loop; warn, once a loop, where it never will.

    A Deferred does not show which reactor it waits for, or whether it waits for one. So there is
    no warning while the global reactor has nothing to do, or the loop has a reactor of its own.
    """
    reactor = sys.modules.get("twisted.internet.reactor")
    # Usually it runs here. as_future() asks the same in its own text, as it is called so often.
    if reactor is not None and not (
        threadable.ioThread == get_ident() and getattr(reactor, "running", True)
    ):
        expect(reactor)


def expect(reactor: Any) -> None:
    """Do so for ``reactor``, which is the global one."""
    if not getattr(reactor, "running", True):
        loop = running_loop()
        if loop is not None:
            _expect_start(reactor, loop)
    elif threadable.ioThread != get_ident() and runs_elsewhere(reactor):
        loop = running_loop()
        if loop is not None and not _has_reactor(loop):
            _warn_once(loop, f"{described(reactor)} and runs in another thread. {_THREADS}")


def _expect_start(reactor: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Start a reactor that does not run in ``loop``, or warn that nothing runs it."""
    ended = has_ended(reactor)
    has_another = _has_reactor(loop)
    if hasattr(reactor, "follow") and not ended:
        if not has_another or is_waited_for(reactor):
            reactor.follow()
    elif not has_another and is_waited_for(reactor):
        why = f"{reactor!r}, which was stopped for good" if ended else _idle(reactor)
        _warn_once(loop, why)


def _has_reactor(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a reactor that is not the global one runs with ``loop``: around it, or inside."""
    return hasattr(loop, "reactor") or loop in host_loops


_THREADS = (
    "A Deferred belongs to the reactor's thread: have the call made there by "
    "threads.blockingCallFromThread() in a worker thread, or run the loop and the reactor in one "
    "thread, by triloop.install()"
)


def _idle(reactor: Any) -> str:
    return (
        f"{described(reactor)} and does not run: what waits for it waits for ever. Call "
        "triloop.install() before that, or have the loop run inside the reactor: by "
        "triloop.run(main(), loop_factory=triloop.new_event_loop)"
    )


def _warn_once(loop: asyncio.AbstractEventLoop, why: str) -> None:
    if loop not in _warned:
        _warned.add(loop)
        warn(f"a Deferred is awaited in {loop!r}, but the global reactor is {why}")
