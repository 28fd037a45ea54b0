"""A program that ends with work under way: ``ending_script.py ENTRY CAUSE``.

It prints what ends, one line each, in the order in which that happens.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

import twisted.internet.tcp
from tornado.ioloop import IOLoop
from twisted.internet import protocol
from twisted.internet.defer import Deferred

PATIENCE = 10.0
DESCRIPTORS = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")


def note(event: str) -> None:
    sys.stdout.write(f"{event}\n")
    sys.stdout.flush()


def open_descriptors() -> set[str]:
    return {path.name for path in DESCRIPTORS.iterdir()}


class Aftermath:
    """Prints at the very end what is left; made before any other exit function is registered."""

    def __init__(self) -> None:
        self.loop: Any = None
        self.work: Any = None
        if sys.argv[1].startswith("guest_"):
            # A reactor of Twisted's own keeps its descriptors.
            importlib.import_module("twisted.internet.reactor")
            asyncio.set_event_loop(None)  # or Tornado asks for the current one and leaves it open
        # Twisted keeps a spare descriptor for when there is none left, and never closes it.
        twisted.internet.tcp._reservedFD.reserve()
        self.descriptors = open_descriptors()
        atexit.register(self.tell)

    def tell(self) -> None:
        if self.loop is not None and self.loop.is_closed():
            note("loop closed")
        left = sorted(open_descriptors() - self.descriptors)
        if left:
            note(f"left open: {left}")
        if threading.active_count() > 1:
            note(f"left running: {threading.enumerate()}")
        twisted.internet.tcp._reservedFD.available()


class Work:
    """Work of every kind that a shutdown has to end."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.generator_closed = threading.Event()
        self.shutting_down = threading.Event()
        self.held: list[Any] = []
        aftermath.work = self  # no part of it may end because nothing refers to it any more

    async def begin(self) -> None:
        loop = asyncio.get_running_loop()
        aftermath.loop = loop
        generator = self.generator()
        await generator.__anext__()
        self.held += [
            generator,
            loop.run_in_executor(None, self.job),
            loop.create_task(self.task()),
        ]
        for phase in ("before", "during", "after"):
            self.reactor.addSystemEventTrigger(phase, "shutdown", self.trigger, phase)
        listening = self.reactor.listenTCP(
            0, protocol.Factory.forProtocol(protocol.Protocol), interface="127.0.0.1"
        )
        self.reactor.callLater(PATIENCE, note, "a timed call that is not waited for")
        self.reactor.callInThread(self.pooled)
        self.held.append(listening)
        await asyncio.sleep(0.02)

    async def task(self) -> None:
        try:
            await asyncio.sleep(PATIENCE * 6)
        finally:
            await asyncio.sleep(0.02)
            note("task")

    async def generator(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await asyncio.sleep(0)
            note("generator")
            self.generator_closed.set()

    def job(self) -> None:
        self.generator_closed.wait(PATIENCE)
        time.sleep(0.05)
        note("executor")

    def trigger(self, phase: str) -> Deferred[None] | None:
        if phase == "before":
            waiting: Deferred[None] = Deferred()
            self.reactor.callLater(0.02, waiting.callback, None)
            return waiting.addCallback(lambda _: note(phase))
        note(phase)
        if phase == "during":
            self.shutting_down.set()
        return None

    def pooled(self) -> None:
        self.shutting_down.wait(PATIENCE)
        time.sleep(0.05)
        note("thread")


def shut_with(cause: str, reactor: Any) -> None:
    """Cause the end, from outside of any task."""
    if cause == "reactor.stop":
        reactor.stop()
    elif cause == "loop.stop":
        asyncio.get_running_loop().stop()
    elif cause == "IOLoop.stop":
        IOLoop.current().stop()
    elif cause.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, cause))
    else:
        sys.exit(3)


async def main(cause: str, reactor: Any) -> None:
    await Work(reactor).begin()
    if cause == "exception":
        raise LookupError("of the program's own")
    if cause == "return":
        return
    if cause == "sys.exit in Twisted":
        reactor.callLater(0, shut_with, cause, reactor)
    else:
        asyncio.get_running_loop().call_soon(shut_with, cause, reactor)
    # A loop that other code runs does not end with the reactor.
    await asyncio.sleep(0.3 if cause == "reactor.stop" else PATIENCE)


def by_triloop_run(cause: str) -> None:
    import triloop

    async def with_global() -> None:
        from twisted.internet import reactor

        await main(cause, reactor)

    triloop.run(with_global())


def by_asyncio_run_attached(cause: str) -> None:
    import triloop

    async def within() -> None:
        async with triloop.attached() as reactor:
            await main(cause, reactor)

    asyncio.run(within())


def by_asyncio_run(cause: str) -> None:
    import triloop

    async def first_use() -> None:
        await main(cause, triloop.install())

    asyncio.run(first_use())


def run_held(start: Callable[[], None], cause: str, reactor: Any) -> None:
    """Run ``main`` as a task of a loop that ``start`` runs."""
    tasks = []
    IOLoop.current().add_callback(lambda: tasks.append(asyncio.ensure_future(main(cause, reactor))))
    start()


def by_io_loop(cause: str) -> None:
    import triloop

    reactor = triloop.install()
    run_held(IOLoop.current().start, cause, reactor)


def by_reactor_run(cause: str) -> None:
    import triloop

    reactor = triloop.install()
    run_held(reactor.run, cause, reactor)


def by_run_until_complete(cause: str) -> None:
    import triloop

    reactor = triloop.install()
    reactor._asyncioEventloop.run_until_complete(main(cause, reactor))


def by_guest_io_loop(cause: str) -> None:
    import triloop

    loop = triloop.TwistedIOLoop().install()
    run_held(loop.start, cause, loop.reactor)


def by_guest_reactor_run(cause: str) -> None:
    import triloop

    loop = triloop.TwistedIOLoop().install()
    run_held(loop.reactor.run, cause, loop.reactor)


def by_guest_run_sync(cause: str) -> None:
    import triloop

    loop = triloop.TwistedIOLoop().install()
    loop.run_sync(lambda: main(cause, loop.reactor))


def by_guest_triloop_run(cause: str) -> None:
    import triloop

    loop = triloop.new_event_loop()
    triloop.run(main(cause, loop.reactor), loop_factory=lambda: loop)


ENTRIES = {name.removeprefix("by_"): do for name, do in globals().items() if name[:3] == "by_"}


@contextlib.contextmanager
def quiet_interrupt() -> Iterator[None]:
    """Print KeyboardInterrupt in one line instead of a traceback."""
    try:
        yield
    except (asyncio.CancelledError, KeyboardInterrupt, LookupError, RuntimeError) as reason:
        note(f"raised {type(reason).__name__}")


if __name__ == "__main__":
    # Debug mode would log slow callbacks on a busy machine.
    logging.getLogger("asyncio").addFilter(lambda record: "Executing" not in record.msg)
    aftermath = Aftermath()
    with quiet_interrupt():
        ENTRIES[sys.argv[1]](sys.argv[2])
    note("returned")
