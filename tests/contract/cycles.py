"""Makes, runs and closes an adapter many times, and prints as JSON what is left over.

``python -m tests.contract.cycles ADAPTER CYCLES``; runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import twisted.internet.tcp
import uvloop
from tornado.ioloop import IOLoop
from twisted.internet.base import DelayedCall
from twisted.internet.pollreactor import PollReactor
from twisted.internet.protocol import Factory
from twisted.logger import globalLogBeginner

from triloop import ReactorEventLoop, TornadoReactor, TwistedIOLoop

#: Cycles after which all that libraries make once has been made.
WARM_UP = 20
#: Objects of these packages are counted.
PACKAGES = ("triloop", "twisted.internet", "tornado", "asyncio", "uvloop", "socket.")


def listen_and_wait(reactor: Any) -> Any:
    """Use a reactor, and clean up."""
    port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
    late = reactor.callLater(3600, int)

    async def used() -> None:
        loop = asyncio.get_running_loop()
        IOLoop.current()  # Tornado keeps one for each asyncio loop
        done = loop.create_future()
        reactor.callLater(0, done.set_result, None)
        await done
        await port.stopListening().asFuture(loop)
        late.cancel()

    return used()


def tornado_reactor_on(loop: asyncio.AbstractEventLoop) -> None:
    with TornadoReactor(loop) as reactor:
        loop.run_until_complete(listen_and_wait(reactor))
    loop.close()


def tornado_reactor_in_asyncio_run() -> None:
    async def main() -> None:
        with TornadoReactor() as reactor:
            await listen_and_wait(reactor)

    asyncio.run(main())


def tornado_reactor_by_reactor_run() -> None:
    loop = asyncio.new_event_loop()
    with TornadoReactor(loop) as reactor:
        reactor.callLater(0, reactor.stop)
        reactor.run()
    loop.close()


def reactor_event_loop() -> None:
    """A loop on a reactor of its own: the global one is taken."""
    loop = ReactorEventLoop()
    loop.run_until_complete(listen_and_wait(loop.reactor))
    loop.close()


def twisted_io_loop() -> None:
    loop = TwistedIOLoop()
    loop.run_sync(lambda: listen_and_wait(loop.reactor))
    loop.close()


@contextlib.contextmanager
def one_reactor() -> Iterator[Callable[[], None]]:
    """Loops one after the other on the same reactor."""
    reactor = PollReactor()

    def cycle() -> None:
        loop = ReactorEventLoop(reactor)
        loop.run_until_complete(listen_and_wait(reactor))
        loop.close()

    yield cycle


@contextlib.contextmanager
def own_reactors(cycle: Callable[[], None]) -> Iterator[Callable[[], None]]:
    taken = ReactorEventLoop()
    yield cycle
    taken.close()


def simply(cycle: Callable[[], None]) -> contextlib.AbstractContextManager[Callable[[], None]]:
    return contextlib.nullcontext(cycle)


ADAPTERS: dict[str, Callable[[], contextlib.AbstractContextManager[Callable[[], None]]]] = {
    "TornadoReactor on asyncio": lambda: simply(
        lambda: tornado_reactor_on(asyncio.new_event_loop())
    ),
    "TornadoReactor on uvloop": lambda: simply(lambda: tornado_reactor_on(uvloop.new_event_loop())),
    "TornadoReactor in asyncio.run": lambda: simply(tornado_reactor_in_asyncio_run),
    "TornadoReactor by reactor.run": lambda: simply(tornado_reactor_by_reactor_run),
    "ReactorEventLoop": lambda: own_reactors(reactor_event_loop),
    "ReactorEventLoop on one reactor": one_reactor,
    "TwistedIOLoop": lambda: own_reactors(twisted_io_loop),
    "both": lambda: own_reactors(lambda: tornado_reactor_on(ReactorEventLoop())),
}


def holdings() -> Counter[str]:
    """What this process holds, by kind."""
    gc.collect()
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in map(type, gc.get_objects()))
    found = Counter(name for name in names if name.startswith(PACKAGES))
    calls = [o for o in gc.get_objects() if isinstance(o, DelayedCall) and o.active()]
    found["descriptors"] = sum(1 for _ in Path("/dev/fd").iterdir())
    found["active DelayedCalls"] = len(calls)
    found["IOLoop._ioloop_for_asyncio"] = len(IOLoop._ioloop_for_asyncio)
    found["threads"] = threading.active_count()
    return found


def main(adapter: str, cycles: int) -> dict[str, int]:
    """How much more there is of each kind after so many cycles."""
    # Twisted keeps the events that were logged before logging begins, and all objects in them.
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    twisted.internet.tcp._reservedFD.reserve()
    asyncio.set_event_loop(None)
    with ADAPTERS[adapter]() as cycle:
        for _ in range(WARM_UP):
            cycle()
        before = holdings()
        for _ in range(cycles):
            cycle()
        return dict(holdings() - before)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))  # noqa: T201 - this is its result
