"""The asyncio loop to use where none is given.

The adapters register their open loops here.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import weakref
from typing import Any

from triloop.awaited_loop import expect_run
from triloop.private.cpython import current_loop, running_loop, thread_of
from triloop.private.reactors import host_loop_of
from triloop.registry import Registry

__all__ = ["default_loop", "host_loops", "loop_of_running_reactor", "nested_loops", "usable_loop"]

#: The open loops that are guests of a reactor; each has it as its ``reactor``.
nested_loops: Registry[Any] = Registry()
#: The loops that a reactor runs inside.
host_loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


def default_loop() -> asyncio.AbstractEventLoop:
    """Find the running loop; if none runs, the installed reactor's or the current one.

    Called in the thread of the loop. It never makes a loop: nothing would run it.

    Returns:
        An open loop.

    Raises:
        RuntimeError: There is none, it runs in another thread, or nothing is likely to run it.
    """
    running = running_loop()
    if running is not None:
        return running
    loop = _idle_loop()
    expect_run(loop)
    return loop


def _idle_loop() -> asyncio.AbstractEventLoop:
    """The loop that is likely to run next in this thread."""
    loop = _loop_of(sys.modules.get("twisted.internet.reactor"))
    if loop is None:
        loop = loop_of_running_reactor() or _if_open(current_loop())
    if loop is not None:
        return _in_this_thread(loop)
    raise RuntimeError(
        "no asyncio loop is running or current in this thread: call this from a coroutine or a "
        "callback, or make a loop first with triloop.install() or triloop.TwistedIOLoop().install()"
    )


def loop_of_running_reactor() -> asyncio.AbstractEventLoop | None:
    """The loop of the global reactor, if that runs in this thread.

    Raises:
        RuntimeError: It runs, and no loop in it.
    """
    reactor = sys.modules.get("twisted.internet.reactor")
    if not _runs_here(reactor):
        return None
    loop = _loop_of(reactor)
    if loop is None:
        raise RuntimeError(
            f"{reactor!r} runs, and no asyncio loop in it: call triloop.new_event_loop(reactor) "
            "before reactor.run(), or triloop.install() before anything imports "
            "twisted.internet.reactor"
        )
    return loop


def _loop_of(reactor: Any) -> asyncio.AbstractEventLoop | None:
    """The open loop that is the host or the guest of the global reactor."""
    if reactor is None:
        return None
    nested = (loop for loop in nested_loops if loop.reactor is reactor)
    own = getattr(reactor, "next_loop", host_loop_of(reactor))
    return _if_open(own) or next(nested, None)


def _if_open(loop: object) -> asyncio.AbstractEventLoop | None:
    return loop if isinstance(loop, asyncio.AbstractEventLoop) and not loop.is_closed() else None


def usable_loop(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """Check a loop that an application has given.

    Returns:
        The loop.

    Raises:
        TypeError: It is not an asyncio loop.
        RuntimeError: It is closed, or runs in another thread than the present one.
    """
    if not isinstance(loop, asyncio.AbstractEventLoop):
        hint = "; pass its asyncio_loop" if hasattr(loop, "asyncio_loop") else ""
        raise TypeError(f"an asyncio event loop is needed; got {loop!r}{hint}")
    if loop.is_closed():
        raise RuntimeError(f"{loop!r} is closed, so nothing will ever happen in it: use another")
    return _in_this_thread(loop)


def _in_this_thread(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """Refuse a loop that another thread runs."""
    running = running_loop()
    if running is loop or not loop.is_running():
        return loop
    # A loop in a reactor that is itself in a loop is the running one in its turns only.
    thread = thread_of(loop)
    if running is None or thread not in {None, threading.get_ident()}:
        raise RuntimeError(
            f"{loop!r} runs in another thread than the present one "
            f"({threading.current_thread().name}): go there by reactor.callFromThread(), "
            "loop.call_soon_threadsafe() or asyncio.run_coroutine_threadsafe()"
        )
    return loop


def _runs_here(reactor: Any) -> bool:
    from twisted.python import threadable

    return bool(getattr(reactor, "running", False)) and threadable.isInIOThread()
