"""Trio owns the thread; a Twisted reactor and an asyncio loop run inside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import sniffio
import trio
from twisted.internet.task import deferLater

import triloop

Callback = Callable[[], object]


class TrioHost:
    """Trio as a host of triloop's guests; ``nursery`` has to be open for as long as they run."""

    nests = False

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.call_soon_threadsafe = trio.lowlevel.current_trio_token().run_sync_soon

    def _start(self, task: Callable[[trio.CancelScope], Awaitable[None]]) -> trio.CancelScope:
        async def cancellable() -> None:
            with scope:
                await task(scope)

        scope = trio.CancelScope()
        self.nursery.start_soon(cancellable)
        return scope

    def watch(self, fd: int, callback: Callback) -> trio.CancelScope:
        """Call ``callback`` every time ``fd`` is readable."""

        async def task(scope: trio.CancelScope) -> None:
            while not scope.cancel_called:
                await trio.lowlevel.wait_readable(fd)
                call(scope, callback)

        return self._start(task)

    def call_later(self, delay: float, callback: Callback) -> trio.CancelScope:
        """Call ``callback`` after ``delay`` seconds."""

        async def task(scope: trio.CancelScope) -> None:
            await trio.sleep(delay)
            call(scope, callback)

        return self._start(task)

    def call_soon(self, callback: Callback) -> trio.CancelScope:
        """Call ``callback`` in Trio's next pass."""
        return self.call_later(0, callback)

    def interrupt(self, reason: BaseException) -> None:
        """End Trio's run: ``reason`` leaves it by the nursery."""
        raise reason


def call(scope: trio.CancelScope, callback: Callback) -> None:
    """Call a guest's callback, whose code is not Trio's; not once the request was cancelled."""
    if not scope.cancel_called:
        sniffio.thread_local.name = None
        try:
            callback()
        finally:
            sniffio.thread_local.name = "trio"


async def main() -> None:
    """Wait in all three worlds at once."""
    done = trio.Event()

    async def of_asyncio() -> None:
        await asyncio.sleep(0.05)
        print("asyncio slept")
        await triloop.wait(deferLater(loop.reactor, 0.05))
        print("Twisted waited")
        done.set()

    async with trio.open_nursery() as nursery:
        with triloop.loop_on(TrioHost(nursery)) as loop:
            task = loop.create_task(of_asyncio())
            await done.wait()
    print("Trio ends;", "asyncio's task is done:", task.done())


if __name__ == "__main__":
    trio.run(main)
