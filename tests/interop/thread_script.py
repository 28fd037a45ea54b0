"""A stack that runs in a thread other than the main one: ``thread_script.py STACK``."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol

import triloop
from tests.interop.stages import Stage, build, signal_state


class Ending(ProcessProtocol):
    def __init__(self) -> None:
        self.clean: Deferred[bool] = Deferred()

    def processEnded(self, reason: Any) -> None:
        self.clean.callback(reason.check(ProcessDone) is not None)


async def main(stage: Stage) -> None:
    before = signal_state_elsewhere()
    try:
        stage.loop.add_signal_handler(signal.SIGUSR1, int)
    except (RuntimeError, ValueError):
        pass
    else:
        raise AssertionError("a signal handler was set outside the main thread")
    with contextlib.suppress(ValueError):  # uvloop's answer
        assert not stage.loop.remove_signal_handler(signal.SIGUSR1)
    process = await asyncio.create_subprocess_exec("/bin/true")
    assert await process.wait() == 0
    if isinstance(stage.reactor, triloop.TornadoReactor):
        ending = Ending()
        stage.reactor.spawnProcess(ending, "/bin/true", ["true"], childFDs={})
        assert await asyncio.wait_for(ending.clean.asFuture(stage.loop), 10)
    assert signal_state_elsewhere() == before


def signal_state_elsewhere() -> dict[int, Any]:
    return {int(number): signal.getsignal(number) for number in signal.valid_signals()}


def script(stack: str, runner: str) -> None:
    before = signal_state()
    problems: list[BaseException] = []

    def run() -> None:
        try:
            stage = build(stack)
            stage.run(runner, main)
            stage.tidy()
        except BaseException as problem:  # noqa: BLE001 - raised again in the main thread
            problems.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    for problem in problems:
        raise problem
    assert signal_state() == before


if __name__ == "__main__":
    script(*sys.argv[1:])
