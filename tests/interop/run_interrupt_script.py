"""A program under ``triloop.run`` to be interrupted: ``run_interrupt_script.py LOOP STATE``.

STATE is its state at Ctrl-C: "idle"; "stubborn", which can be cancelled only the second time; "busy
asyncio" or "busy Twisted", a callback of that world that does not return.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import sys
import time
from typing import Any

import triloop

BUSY_SECONDS = 20.0


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def be_busy() -> None:
    end = time.monotonic() + BUSY_SECONDS
    say("ready")
    while time.monotonic() < end:
        pass


async def main(state: str) -> None:
    from twisted.internet import reactor as global_reactor

    reactor: Any = global_reactor
    reactor.addSystemEventTrigger("during", "shutdown", say, "shut down")
    if state == "busy asyncio":
        asyncio.get_running_loop().call_soon(be_busy)
    elif state == "busy Twisted":
        reactor.callLater(0, be_busy)
    else:
        reactor.callLater(0.05, say, "ready")
    if state == "stubborn":
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
    await asyncio.sleep(60)


def script(kind: str, state: str) -> None:
    factory = triloop.new_event_loop
    if kind != "guest":
        factory = importlib.import_module(kind).new_event_loop
    logging.getLogger("asyncio").addFilter(lambda record: "Executing" not in record.msg)
    try:
        triloop.run(main(state), loop_factory=factory)
    except KeyboardInterrupt:
        say("KeyboardInterrupt")


if __name__ == "__main__":
    script(*sys.argv[1:])
