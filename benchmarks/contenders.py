"""The contenders, made and run in a process of their own."""

from __future__ import annotations

import asyncio
import ctypes
import signal
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

from benchmarks import jobs

__all__ = [
    "die_with_parent",
    "install",
    "is_installed",
    "is_reactor",
    "new_loop",
    "options",
    "run_loop",
    "run_reactor",
]

#: Arguments of triloop's reactors and loops.
options: dict[str, Any] = {}

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel end this process with the one that started it."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def is_installed(contender: str) -> bool:
    """Whether what it needs is installed; rloop is no requirement of the benchmarks."""
    return contender != jobs.RLOOP or find_spec("rloop") is not None


def is_reactor(contender: str) -> bool:
    """Whether Twisted code runs on it; asyncio code otherwise."""
    return contender.partition(",")[0] in {jobs.EPOLL, jobs.TRADITION, jobs.TORNADO}


def run_reactor(contender: str, main: Callable[[Any], Awaitable[object]]) -> None:
    """Install the global reactor, run it, and stop it when ``main(reactor)`` has ended."""
    reactor = install(contender)
    from twisted.internet.defer import Deferred
    from twisted.logger import globalLogBeginner

    # Twisted keeps all events of a program that never begins to log.
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False)
    failures: list[BaseException] = []
    # A coroutine without a reference would be collected.
    held: list[Deferred[None]] = []

    async def whole() -> None:
        try:
            await main(reactor)
        except BaseException as problem:  # noqa: BLE001 - raised again when the reactor has stopped
            failures.append(problem)
        reactor.stop()

    reactor.callWhenRunning(lambda: held.append(Deferred.fromCoroutine(whole())))
    reactor.run()
    for problem in failures:
        raise problem


def install(contender: str) -> Any:
    """Install the global reactor, and return it."""
    name, _, host = contender.partition(", ")
    if name == jobs.EPOLL:
        from twisted.internet import epollreactor

        epollreactor.install()
    elif name == jobs.TRADITION:
        from twisted.internet import asyncioreactor

        asyncioreactor.install(_asyncio_loop(host))
    else:
        import triloop

        triloop.install(_asyncio_loop(host), **options)
    from twisted.internet import reactor

    return reactor


def _asyncio_loop(name: str) -> asyncio.AbstractEventLoop:
    if name == jobs.UVLOOP:
        import uvloop

        return uvloop.new_event_loop()
    if name == jobs.RLOOP:
        import rloop

        loop: asyncio.AbstractEventLoop = rloop.new_event_loop()
        return loop
    return asyncio.SelectorEventLoop()


def run_loop(contender: str, main: Callable[[], Awaitable[object]]) -> None:
    """Run ``main()`` on the loop of that name."""
    loop = new_loop(contender)
    asyncio.set_event_loop(loop)

    async def whole() -> None:
        await main()

    loop.run_until_complete(whole())


#: Loops that hold the global reactor, so that the next one gets a reactor of its own.
_kept: list[asyncio.AbstractEventLoop] = []


def new_loop(contender: str) -> asyncio.AbstractEventLoop:
    """A loop of that name, with the reactor that it needs."""
    name, _, reactor = contender.partition(", ")
    return _reactor_loop(reactor) if name == "ReactorEventLoop" else _asyncio_loop(name)


def _reactor_loop(reactor: str) -> asyncio.AbstractEventLoop:
    if reactor == "select":
        from twisted.internet import selectreactor

        selectreactor.install()
    else:
        from twisted.internet import epollreactor

        epollreactor.install()
    import triloop

    if reactor == "own reactor":
        _kept.append(triloop.new_event_loop())
    return triloop.new_event_loop(**options)
