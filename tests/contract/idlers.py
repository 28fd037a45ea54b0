"""A world that has nothing to do: ``python -m tests.contract.idlers STAGE``.

It prints the ports on which Twisted and Tornado echo, and runs until it is killed.
"""

from __future__ import annotations

import asyncio
import sys

from tests.contract.peers import (
    Medium,
    ask_by_tornado,
    ask_by_twisted,
    serve_by_tornado,
    serve_by_twisted,
)
from tests.contract.worlds import STAGES, World

#: Seconds after which an idler ends by itself.
FORGOTTEN = 600.0


async def idle(world: World) -> None:
    """Serve, be used once, and be idle."""
    tcp = Medium()
    async with serve_by_twisted(world, tcp) as twisted, serve_by_tornado(world, tcp) as tornado:
        await ask_by_tornado(world, tcp, twisted, b"x")
        await ask_by_twisted(world, tcp, tornado, b"x")
        await world.loop.run_in_executor(None, world.reactor.callFromThread, int)
        print(twisted.port, tornado.port, flush=True)  # noqa: T201 - read by who started this
        await world.future()


if __name__ == "__main__":
    (stage,) = (stage for stage in STAGES if str(stage) == sys.argv[1])
    asyncio.set_event_loop(None)
    stage.play(idle, patience=FORGOTTEN)
