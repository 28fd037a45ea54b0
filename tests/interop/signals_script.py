"""Signals for all three worlds in one process: ``signals_script.py STACK RUNNER [CONDITION]``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.stages import ON_NATIVE, ON_REACTOR, Stage, build, expected_state, signal_state

PATIENCE = 10.0
#: Seconds after which a loop was not woken by a signal, but has found it in its next poll.
LATE = 2.0


def from_within(number: int) -> None:
    os.kill(os.getpid(), number)


def by_another_thread(number: int) -> None:
    """Send the signal to a thread other than the main one, while the main one is idle."""

    def receive() -> None:
        time.sleep(0.05)
        signal.pthread_kill(threading.get_ident(), number)

    threading.Thread(target=receive).start()


def by_another_process(number: int) -> None:
    command = f"sleep 0.05; kill -{number} {os.getpid()}"
    os.posix_spawn("/bin/sh", ["/bin/sh", "-c", command], {})


async def hear(stage: Stage, number: int, send: Callable[[int], None]) -> None:
    """Expect one call at once: only the signal wakes the idle loop."""
    heard: list[float] = []
    done = asyncio.Event()

    def handle(word: str) -> None:
        assert word == "word"
        heard.append(time.monotonic())
        done.set()

    stage.loop.add_signal_handler(number, handle, "word")
    started = time.monotonic()
    send(number)
    try:
        await asyncio.wait_for(done.wait(), PATIENCE)
    except asyncio.TimeoutError:
        raise AssertionError(f"{signal.Signals(number).name} by {send.__name__} was lost") from None
    assert heard[0] - started < LATE, (number, send, heard[0] - started)
    await asyncio.sleep(0.02)
    assert len(heard) == 1, (number, send, heard)
    assert stage.loop.remove_signal_handler(number)
    assert not stage.loop.remove_signal_handler(number)


async def early_and_late(stage: Stage) -> None:
    """Handlers are added and removed in any order; those that stay are called."""
    early: list[int] = []
    loop = stage.loop
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGHUP):
        loop.add_signal_handler(number, early.append, int(number))
    loop.remove_signal_handler(signal.SIGUSR1)
    await hear(stage, signal.SIGUSR1, from_within)
    for number in (signal.SIGHUP, signal.SIGUSR2):
        from_within(number)
    await asyncio.sleep(0.1)
    assert sorted(early) == [signal.SIGHUP, signal.SIGUSR2], early
    loop.remove_signal_handler(signal.SIGHUP)
    if stage.stack == "uvloop":
        for number in (signal.SIGUSR2, signal.SIGWINCH):
            loop.remove_signal_handler(number)  # uvloop does not do it when it is closed


async def beside_twisted(stage: Stage, runner: str) -> None:
    """A loop's handler replaces Twisted's, which is put back afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    if runner == "reactor.run":
        assert before == stage.reactor.sigTerm
    await hear(stage, signal.SIGTERM, by_another_process)
    if stage.stack in ON_REACTOR:
        assert signal.getsignal(signal.SIGTERM) == before


async def foreign_descriptor(stage: Stage) -> None:
    """Other code takes the wake-up descriptor: the loop and that code both get the signal."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    heard = asyncio.Event()
    stage.loop.add_signal_handler(signal.SIGUSR1, heard.set)
    owner = signal.set_wakeup_fd(writer)
    for _ in range(2):
        heard.clear()
        from_within(signal.SIGUSR1)
        await asyncio.wait_for(heard.wait(), PATIENCE)
    await asyncio.sleep(0.02)
    data = os.read(reader, 100)
    assert data == bytes([signal.SIGUSR1] * 2), data
    assert signal.set_wakeup_fd(owner) == owner
    stage.loop.remove_signal_handler(signal.SIGUSR1)
    os.close(writer)
    os.close(reader)


async def set_before_the_run(stage: Stage, heard: asyncio.Event) -> None:
    """Twisted takes SIGTERM when it begins to run; the loop keeps its handler."""
    by_another_process(signal.SIGTERM)
    await asyncio.wait_for(heard.wait(), PATIENCE)
    assert stage.loop.remove_signal_handler(signal.SIGTERM)


async def asyncio_signals(stage: Stage, runner: str) -> None:
    for send in (from_within, by_another_thread, by_another_process):
        await hear(stage, signal.SIGUSR1, send)
    await beside_twisted(stage, runner)
    await early_and_late(stage)
    if stage.stack in ON_REACTOR:
        await foreign_descriptor(stage)


def kept_handler(handler: Any) -> None:
    """A handler that was saved during the run still works."""
    present = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, handler)
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(PATIENCE)
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("the handler of SIGINT does nothing any more")
    finally:
        signal.signal(signal.SIGINT, present)


def script(stack: str, runner: str, condition: str = "") -> None:
    before = signal_state()
    stage = build(stack)
    ended_by_signal = asyncio.Event()

    kept: list[Any] = []
    early = asyncio.Event()
    if stack in ON_NATIVE:
        stage.loop.add_signal_handler(signal.SIGTERM, early.set)

    async def main(stage: Stage) -> None:
        kept.append(signal.getsignal(signal.SIGINT))
        if stack in ON_NATIVE:
            await set_before_the_run(stage, early)
        if condition != "Twisted alone":
            await asyncio_signals(stage, runner)
        elif stack in ON_REACTOR:
            # After the loop has been closed, all signals are Twisted's again.
            await hear(stage, signal.SIGUSR1, by_another_thread)
        await end(stage)

    async def end(stage: Stage) -> None:
        """Let Twisted's own handling end a run of Twisted's."""
        if runner != "reactor.run":
            return
        stage.reactor.addSystemEventTrigger("before", "shutdown", ended_by_signal.set)
        started = time.monotonic()
        by_another_thread(signal.SIGTERM if stack in ON_REACTOR else signal.SIGINT)
        with pytest.raises(asyncio.CancelledError):  # as every task is, before the triggers fire
            await asyncio.sleep(PATIENCE)
        assert time.monotonic() - started < LATE
        assert not ended_by_signal.is_set()

    stage.run(runner, main)
    if runner in {"run_until_complete", "IOLoop.start"}:
        kept_handler(kept[0])
    assert ended_by_signal.is_set() == (runner == "reactor.run")
    stage.tidy()
    assert signal_state() == expected_state(before, stage, runner)


if __name__ == "__main__":
    script(*sys.argv[1:])
