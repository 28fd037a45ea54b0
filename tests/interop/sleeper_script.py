"""A process with tasks of both worlds, to be inspected from outside; it waits to be killed."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import deferLater

import triloop
from tests.interop.programs import run_program

FOREVER = 600.0


async def within(reactor: triloop.TornadoReactor | EPollReactor) -> None:
    """Two tasks: one that waits for asyncio, one that waits for Twisted."""
    loop = asyncio.get_running_loop()
    tasks = [
        loop.create_task(asyncio.sleep(FOREVER), name="asyncio sleeps"),
        loop.create_task(twisted_waits(reactor), name="Twisted waits"),
        loop.create_task(waits_for_a_task(), name="waits for a Task"),
    ]
    print("ready", flush=True)  # noqa: T201 - read by the test
    await asyncio.gather(*tasks)


async def twisted_waits(reactor: triloop.TornadoReactor | EPollReactor) -> None:
    await triloop.as_future(deferLater(reactor, FOREVER))


async def waits_for_a_task() -> None:
    await triloop.as_future(passes_on(behind_deferreds()))


@inlineCallbacks
def passes_on(coroutine: Any) -> Generator[Any, Any, None]:
    yield triloop.as_deferred(coroutine)


async def behind_deferreds() -> None:
    await asyncio.sleep(FOREVER)


def twisted_in_asyncio() -> None:
    async def main() -> None:
        with triloop.TornadoReactor() as reactor:
            await within(reactor)

    asyncio.run(main())


def asyncio_in_twisted() -> None:
    reactor = EPollReactor()
    loop = triloop.new_event_loop(reactor)
    loop.run_until_complete(within(reactor))


if __name__ == "__main__":
    run_program(globals())
