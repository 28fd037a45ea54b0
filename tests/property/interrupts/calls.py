"""Calls, system event triggers, and callbacks of processes."""

from __future__ import annotations

from threading import Thread

from twisted.internet.protocol import (
    ProcessProtocol,
)

from tests.property.interrupts.stage import Fail, Provoke, Stage, failing


def from_thread(stage: Stage, fail: Fail) -> Provoke:
    def provoke() -> None:
        def call() -> None:
            for function in (fail, lambda: stage.told.append("second")):
                stage.reactor.callFromThread(function)

        thread = Thread(target=call)
        thread.start()
        thread.join()

    return provoke


def later(stage: Stage, fail: Fail) -> Provoke:
    def provoke() -> None:
        for call in (fail, lambda: stage.told.append("second")):
            stage.reactor.callLater(0, call)

    return provoke


def when_running(stage: Stage, fail: Fail) -> Provoke:
    """Called at once: it is the timed call that asks for it that fails."""
    return lambda: stage.reactor.callWhenRunning(fail)


def at_startup(phase: str, stage: Stage, fail: Fail) -> Provoke:
    stage.reactor.addSystemEventTrigger(phase, "startup", fail)
    stage.reactor.addSystemEventTrigger("after", "startup", stage.told.append, "started")
    return lambda: None


def at_event(phase: str, stage: Stage, fail: Fail) -> Provoke:
    def provoke() -> None:
        stage.reactor.addSystemEventTrigger(phase, "custom", fail)
        stage.reactor.addSystemEventTrigger("after", "custom", stage.told.append, "after")
        stage.reactor.fireSystemEvent("custom")

    return provoke


# Processes


def process(stage: Stage, name: str, fail: Fail) -> Provoke:
    protocol = failing(stage, name, fail, ProcessProtocol)

    def provoke() -> None:
        script = "echo out; echo err >&2; read word"
        transport = stage.reactor.spawnProcess(protocol, "/bin/sh", ["sh", "-c", script], {})
        stage.reactor.callLater(0.002, transport.closeStdin)

    return provoke
