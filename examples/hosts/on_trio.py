"""Trio owns the thread; a Twisted reactor and an asyncio loop run inside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import sniffio
import trio
from twisted.internet.task import deferLater

import triloop

Callback = Callable[[], object]


class TrioHost(triloop.BaseHost):
    """Trio as a host of triloop's guests; ``nursery`` has to be open for as long as they run."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery

    def quit(self) -> None:
        """End the nursery."""
        self.nursery.cancel_scope.cancel()

    def add_reader(self, fd: int, callback: Callback) -> Callback:
        """Call ``callback`` whenever ``fd`` is readable."""

        async def call_often() -> None:
            while True:
                await trio.lowlevel.wait_readable(fd)
                outside_trio(callback)

        return self.start(call_often)

    def add_timer(self, delay: float, callback: Callback) -> Callback:
        """Call ``callback`` after ``delay`` seconds."""

        async def call_once() -> None:
            await trio.sleep(delay)
            outside_trio(callback)

        return self.start(call_once)

    def start(self, work: Callable[[], Awaitable[None]]) -> Callback:
        """Start a task of Trio's; what is returned cancels it."""

        async def cancellable() -> None:
            with scope:
                await work()

        scope = trio.CancelScope()
        self.nursery.start_soon(cancellable)
        return scope.cancel


def outside_trio(callback: Callback) -> None:
    """Call a guest's callback: libraries that ask by sniffio find asyncio there, not Trio."""
    sniffio.thread_local.name, name = None, sniffio.thread_local.name
    callback()
    sniffio.thread_local.name = name


async def main() -> None:
    """Wait in all three worlds at once."""
    done = trio.Event()

    async def wait() -> None:
        await asyncio.sleep(0.05)
        print("asyncio slept")
        await triloop.wait(deferLater(loop.reactor, 0.05))
        print("Twisted waited")
        done.set()

    async with trio.open_nursery() as nursery:
        with TrioHost(nursery) as host, triloop.loop_on(host) as loop:
            task = loop.create_task(wait())
            await done.wait()
    print("Trio ends; asyncio's task is done:", task.done())


if __name__ == "__main__":
    trio.run(main)
