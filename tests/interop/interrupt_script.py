"""A program to be interrupted: ``interrupt_script.py STACK RUNNER STATE``.

STATE is the state of the program at Ctrl-C: "idle"; "stubborn", which is idle and can be cancelled
only the second time; "exiting", which is idle and ends with status 5 on SIGTERM; "busy asyncio" or
"busy Twisted", a callback of that world that does not return for a long time.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time

from tornado.ioloop import IOLoop

from tests.interop.stages import Stage, build, expected_state, signal_state

BUSY_SECONDS = 8.0
BUSY_SECONDS_UNDER_TWISTED = 0.6


def ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def be_busy(seconds: float) -> None:
    end = time.monotonic() + seconds
    ready()
    while time.monotonic() < end:
        pass
    sys.stdout.write("returned\n")


class Program:
    """Enters its state, prints "ready" and waits."""

    def __init__(self, stage: Stage, runner: str, state: str) -> None:
        self.stage = stage
        self.runner = runner
        self.state = state
        # Twisted's own handling of Ctrl-C does not interrupt callbacks.
        polite = runner == "reactor.run"
        self.busy_seconds = BUSY_SECONDS_UNDER_TWISTED if polite else BUSY_SECONDS

    def begin(self) -> None:
        world = self.state.removeprefix("busy ")
        if world == "asyncio":
            self.stage.loop.call_soon(be_busy, self.busy_seconds)
        elif world == "Twisted":
            self.stage.reactor.callLater(0, be_busy, self.busy_seconds)
        elif self.stage.reactor is not None:
            self.stage.reactor.callLater(0.05, ready)
        else:
            self.stage.loop.call_later(0.05, ready)

    def begin_beside_main(self) -> None:
        """Twisted's run has no main coroutine: start a task that is stubborn."""
        if self.state == "stubborn":
            self.task = self.stage.loop.create_task(self.main(self.stage))
        else:
            self.begin()

    async def main(self, stage: Stage) -> None:
        self.begin()
        if self.state == "stubborn":
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        await asyncio.sleep(60)

    def run(self) -> None:
        if self.runner == "reactor.run":
            self.stage.reactor.callWhenRunning(self.begin_beside_main)
            self.stage.reactor.run()
        elif self.runner == "IOLoop.start":
            self.stage.loop.call_soon(self.begin)
            IOLoop.current().start()
        else:
            self.stage.run(self.runner, self.main)


def script(stack: str, runner: str, state: str) -> None:
    if state == "exiting":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
    before = signal_state()
    stage = build(stack)
    try:
        Program(stage, runner, state).run()
    finally:
        # A task that the reactor has not waited for is left to the exit, and its loop with it.
        if stage.loop is not None and (runner, state) != ("reactor.run", "stubborn"):
            stage.tidy()
            assert signal_state() == expected_state(before, stage, runner)


if __name__ == "__main__":
    script(*sys.argv[1:])
