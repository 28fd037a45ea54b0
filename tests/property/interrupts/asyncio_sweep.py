"""Raises an exception in a callback of asyncio's, and records the outcome."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from tests.property.interrupts.asyncio_callbacks import CALLBACKS, Stage
from tests.property.interrupts.outcome import Outcome, noting

__all__ = ["on_loop"]

#: Checks, a millisecond apart, that have to find nothing new; and the maximum of checks.
QUIET, PATIENCE = 5, 1000
#: The last call, where the loop has to wait for a child or a thread.
ENDS = {
    "done callback of an executor": "second",
    "process_exited": "lost",
    "connection_lost (process)": "connection_lost",
    "pipe_connection_lost": "lost",
    "pipe_data_received": "lost",
}


class Echo(asyncio.Protocol):
    """A bystander."""

    transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Sweep:
    """One exception in one callback, with bystanders."""

    def __init__(self, loop: asyncio.AbstractEventLoop, exception: BaseException) -> None:
        self.loop = loop
        self.stage = Stage(loop)
        self.exception = exception
        self.logged: list[str] = []
        self.left: list[str] = []
        self.raised = self.finished = False
        self.looks = self.quiet = 0
        self.last: list[str] | None = None
        loop.set_exception_handler(self.note_error)

    def note_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Note an error that was handed to the loop."""
        problem = context.get("exception")
        what = "a callback" if "callback" in context["message"] else context["message"]
        self.logged.append(f"{what}: {type(problem).__name__}")

    def fail(self) -> None:
        self.raised = True
        raise self.exception

    async def set_up(self, callback: str) -> None:
        self.provoke = await CALLBACKS[callback](self.stage, self.fail)
        echoes = [await self.stage.connect(Echo()) for _ in range(3)]
        self.transports = [transport for transport, _ in echoes]
        self.far = [far for _, far in echoes]

    def begin(self) -> None:
        """Have the bystanders write and be written to in the pass that is interrupted."""
        self.loop.call_soon(self.provoke)
        self.loop.call_later(0.001, self.look)
        for transport, far in zip(self.transports, self.far, strict=True):
            transport.write(b"written ")
            far.sendall(b"received")

    def play(self, callback: str) -> Outcome:
        """Run, and run again what is interrupted, until all is over."""
        self.loop.run_until_complete(self.set_up(callback))
        self.end = ENDS.get(callback)
        self.loop.call_soon(self.begin)
        while not self.finished and len(self.left) < 5:
            with noting(self.left):
                self.loop.run_forever()
        told, others = tuple(self.stage.told), tuple(heard(far) for far in self.far)
        outcome = Outcome(tuple(self.left), tuple(sorted(set(self.logged))), told, others)
        self.close()
        return outcome

    def look(self) -> None:
        """End the run once all that could happen has happened."""
        told = self.stage.told
        self.quiet = self.quiet + 1 if told == self.last else 0
        self.last = list(told)
        self.looks += 1
        over = self.raised and self.quiet >= QUIET and (self.end is None or self.end in told)
        if over or self.looks > PATIENCE:
            self.finished = True
            self.loop.stop()
        else:
            self.loop.call_later(0.001, self.look)

    def close(self) -> None:
        """Close whatever is left, and the loop."""
        for transport in self.stage.transports:
            with contextlib.suppress(Exception):
                getattr(transport, "abort", transport.close)()
        for sock in self.stage.sockets:
            with contextlib.suppress(OSError, ValueError):
                self.loop.remove_reader(sock)
        for task in self.stage.tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.002))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        for sock in self.stage.sockets:
            sock.close()


def heard(far: socket.socket) -> bytes:
    """What has arrived at this end."""
    far.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        return far.recv(100)
    return b""


def on_loop(loop: asyncio.AbstractEventLoop, callback: str, exception: BaseException) -> Outcome:
    """On a loop, which is closed afterwards."""
    return Sweep(loop, exception).play(callback)
