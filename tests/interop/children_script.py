"""Children of all three worlds in one process: ``children_script.py STACK RUNNER [CONDITION]``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from tornado.process import Subprocess
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.process import Process
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from tests.interop.stages import Stage, build, expected_state, signal_state

PATIENCE = 10.0
#: A child that ends when it is told to.
PATIENT = "trap 'exit 7' TERM; while :; do sleep 0.05; done"
WORLDS = ("Twisted", "asyncio", "Tornado")


class Ending(ProcessProtocol):
    """Records how its process ended."""

    def __init__(self) -> None:
        self.code: Deferred[int] = Deferred()

    def processEnded(self, reason: Failure) -> None:
        value = reason.value
        self.code.callback(value.exitCode if isinstance(value, ProcessTerminated) else 0)


def shell(command: str) -> list[str]:
    return ["/bin/sh", "-c", command]


def spawn_twisted(stage: Stage, command: str) -> tuple[Deferred[int], int]:
    ending = Ending()
    # Without pipes only the exit status shows the end.
    process = stage.reactor.spawnProcess(ending, "/bin/sh", shell(command), childFDs={})
    return ending.code, process.pid


async def check_process_class(stage: Stage) -> None:
    """A process that is made by its class, and not by ``spawnProcess``, as Buildbot does it."""
    ending = Ending()
    Process(stage.reactor, b"/bin/sh", shell("sleep 0.1; exit 7"), {}, None, ending, childFDs={})
    assert await asyncio.wait_for(ending.code.asFuture(stage.loop), PATIENCE) == 7


async def run_twisted(stage: Stage, command: str) -> int:
    return await spawn_twisted(stage, command)[0].asFuture(stage.loop)


async def run_asyncio(stage: Stage, command: str) -> int:
    process = await asyncio.create_subprocess_exec(*shell(command))
    return await process.wait()


async def run_tornado(stage: Stage, command: str) -> int:
    return await Subprocess(shell(command)).wait_for_exit(raise_error=False)


RUN = {"Twisted": run_twisted, "asyncio": run_asyncio, "Tornado": run_tornado}


async def check(stage: Stage, moment: str, worlds: tuple[str, ...], count: int = 1) -> None:
    """Run ``count`` children in each world at once."""
    wanted = [(world, number) for world in worlds for number in range(7, 7 + count)]
    running = [RUN[world](stage, f"exit {number}") for world, number in wanted]
    try:
        codes = await asyncio.wait_for(asyncio.gather(*running), PATIENCE)
    except asyncio.TimeoutError:
        raise AssertionError(f"{moment}: a child's end was lost") from None
    assert codes == [number for _, number in wanted], (moment, codes)


class Children:
    """The script."""

    def __init__(self, stage: Stage, condition: str) -> None:
        self.stage = stage
        # uvloop uses the signal that Tornado wants, and refuses it.
        self.worlds: tuple[str, ...] = WORLDS[:2] if stage.stack == "uvloop" else WORLDS
        if condition == "Twisted alone":
            self.worlds = WORLDS[:1]
        self.early: list[Any] = []

    def spawn_early(self, runner: str) -> None:
        """Start children before the loop runs: some have ended by then, one has not."""
        # asyncio.run makes the loop: Tornado cannot have it before.
        if "Tornado" in self.worlds and runner != "asyncio.run":
            child = Subprocess(shell("sleep 0.1; exit 7"))
            self.early.append(child.wait_for_exit(raise_error=False))
        self.patient, self.patient_pid = spawn_twisted(self.stage, PATIENT)
        ended, pid = spawn_twisted(self.stage, "sleep 0.1; exit 7")
        self.early.append(ended)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    async def main(self, stage: Stage) -> None:
        try:
            await self.story(stage)
        finally:
            Subprocess.uninitialize()

    async def early_children(self, stage: Stage) -> None:
        futures = [
            early.asFuture(stage.loop) if isinstance(early, Deferred) else early
            for early in self.early
        ]
        # No other child ends meanwhile: its signal would hide a lost one.
        _, pending = await asyncio.wait(futures, timeout=PATIENCE)
        assert not pending, f"the end of early children was lost: {pending}"
        assert [future.result() for future in futures] == [7] * len(futures)
        os.kill(self.patient_pid, signal.SIGTERM)
        assert await asyncio.wait_for(self.patient.asFuture(stage.loop), PATIENCE) == 7

    async def story(self, stage: Stage) -> None:
        if self.early:
            await self.early_children(stage)
        loop, worlds = stage.loop, self.worlds
        await check(stage, "at first", worlds)
        await check_process_class(stage)
        for number in (signal.SIGUSR1, signal.SIGTERM):
            loop.add_signal_handler(number, int)
        await check(stage, "with signal handlers", worlds)
        loop.remove_signal_handler(signal.SIGUSR1)
        await check(stage, "with one handler less", worlds)
        if "Tornado" in worlds:
            await self.own_sigchld(stage)
        loop.remove_signal_handler(signal.SIGTERM)
        await check(stage, "with no handler left", worlds)
        await check(stage, "many at once", worlds, 50 // len(worlds))

    async def own_sigchld(self, stage: Stage) -> None:
        """Add a handler of SIGCHLD to the loop; Tornado can have the signal after its removal."""
        Subprocess.uninitialize()
        heard = asyncio.Event()
        stage.loop.add_signal_handler(signal.SIGCHLD, heard.set)
        await check(stage, "with SIGCHLD in the user's hands", WORLDS[:2])
        await asyncio.wait_for(heard.wait(), PATIENCE)
        stage.loop.remove_signal_handler(signal.SIGCHLD)
        await check(stage, "without SIGCHLD", WORLDS[:2])
        await check(stage, "with SIGCHLD in Tornado's hands again", WORLDS)


def script(stack: str, runner: str, condition: str = "") -> None:
    if condition == "without pidfd":
        del os.pidfd_open
    elif condition == "SIGCHLD ignored":
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    before = signal_state()
    stage = build(stack)
    children = Children(stage, condition)
    if condition != "SIGCHLD ignored":  # then a child that ends before the run is lost
        children.spawn_early(runner)
    stage.run(runner, children.main)
    stage.tidy()
    assert signal_state() == expected_state(before, stage, runner)


if __name__ == "__main__":
    script(*sys.argv[1:])
