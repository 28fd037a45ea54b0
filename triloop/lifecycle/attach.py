"""Attaches the global reactor to the running loop."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

import triloop.lifecycle.fork  # noqa: F401 - registers the hooks for os.fork
from triloop.adapters.asyncio_in_twisted.loop import ReactorEventLoop
from triloop.adapters.twisted_in_asyncio.install import install
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor
from triloop.origins import described
from triloop.private.cpython import running_loop
from triloop.private.reactors import host_loop_of
from triloop.registry import deciding

__all__ = ["attached", "enter", "global_reactor"]


@contextlib.asynccontextmanager
async def attached() -> AsyncIterator[TornadoReactor]:
    """Run the global reactor inside the running loop for as long as the block lasts.

    ::

        async with triloop.attached() as reactor:
            port = reactor.listenTCP(8007, factory)

    It is installed if there is none. Its startup events have fired when the block begins. When
    the last of the blocks that use it ends, its shutdown triggers are fired and waited for, its
    threads are joined, what was left open is closed, and it may be attached again, to this or
    to another loop.

    Returns:
        The reactor. Where a reactor of Twisted's own owns the loop, it is that one, which has the
        same interfaces.

    Raises:
        RuntimeError: The global reactor runs in another loop, is about to stop, or is not one of
            triloop's.
    """
    reactor = global_reactor()
    if not isinstance(reactor, TornadoReactor):
        yield reactor
        return
    await enter(reactor)
    try:
        yield reactor
    finally:
        await reactor.visit.leave()


def global_reactor() -> Any:
    """The global reactor, installed if there is none, if it can be used in the running loop.

    Raises:
        RuntimeError: No loop runs, or the reactor neither runs in it nor can be made to.
    """
    loop = running_loop()
    if loop is None:
        raise RuntimeError(
            "no asyncio loop runs here, so a reactor cannot be attached to it: await this in a "
            "task of asyncio, such as triloop.as_deferred() makes of a coroutine"
        )
    with deciding:
        reactor: Any = sys.modules.get("twisted.internet.reactor") or install()
    if isinstance(reactor, TornadoReactor) or _is_with(reactor, loop):
        return reactor
    how = (
        "it runs already, and so would its loop: by loop = triloop.new_event_loop(reactor) and "
        "triloop.as_deferred(main())"
        if reactor.running
        else "call triloop.install() before that, or have the loop run inside the reactor: by "
        "triloop.run(main(), loop_factory=triloop.new_event_loop)"
    )
    raise RuntimeError(
        f"the global reactor is {described(reactor)} and cannot run inside {loop!r}: {how}"
    )


def _is_with(reactor: Any, loop: asyncio.AbstractEventLoop) -> bool:
    """Whether ``reactor`` is the host of the loop, or Twisted's own on asyncio that runs in it."""
    if isinstance(loop, ReactorEventLoop):
        return bool(loop.reactor is reactor)
    return host_loop_of(reactor) is loop and bool(reactor.running)


async def enter(reactor: TornadoReactor, *, owner: bool = False) -> None:
    """Become a user of ``reactor`` in the running loop; return once its startup events have fired.

    If the last user has just left and the reactor is ending, wait for that first.

    Args:
        reactor: The reactor.
        owner: Whether the caller owns the loop: see :meth:`Visit.enter`.

    Raises:
        RuntimeError: It runs in another loop, or is about to stop for another reason.
    """
    await reactor.visit.over()
    reactor.visit.enter(owner=owner)
    started = asyncio.get_running_loop().create_future()
    reactor.callWhenRunning(_resolve, started)
    try:
        await started
    except BaseException:
        await reactor.visit.leave()
        raise


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
