"""The table of states is true: each cell is done to a real reactor, and to Twisted's own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor
from triloop.lifecycle.attach import enter
from triloop.states import TABLE, Event, Phase, phase_of, table_text

if sys.platform == "linux":
    from twisted.internet.epollreactor import EPollReactor as NativeReactor
else:
    from twisted.internet.kqreactor import KQueueReactor as NativeReactor

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"

Outcome = Phase | type[Exception]

CELLS = [(phase, event) for phase in Phase for event in Event]
#: What Twisted itself knows of.
NATIVE_EVENTS = [Event.RUN, Event.STOP, Event.CRASH, Event.SHUT_DOWN]
NATIVE_CELLS = [(phase, event) for phase in Phase for event in NATIVE_EVENTS]


class Subject:
    """A reactor that is brought into a phase, and has an event happen to it there."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor

    def outcome(self, phase: Phase, event: Event) -> Outcome:
        """What ``event`` leads to in ``phase``."""
        # A loop that the reactor does not know of: it would start by itself in its own.
        if event is Event.LEAVE:
            return asyncio.run(self.left_in(phase))
        if event is Event.ATTACH and phase in {Phase.RESTING, Phase.ENDED}:
            self.reach(phase, lambda: None)
            return asyncio.run(self.attached())
        seen: list[Outcome] = []
        self.reach(phase, lambda: seen.append(self.done(event)))
        return seen[0]

    def reach(self, phase: Phase, act: Callable[[], None]) -> None:
        """Call ``act`` while the reactor is in ``phase``, and bring it to rest again."""
        if phase is Phase.ENDED:
            self.reactor.callWhenRunning(self.reactor.stop)
            self.reactor.run(installSignalHandlers=False)
        if phase in {Phase.RESTING, Phase.ENDED}:
            assert phase_of(self.reactor) is phase
            act()
            return

        def running() -> None:
            if phase is Phase.STOPPING:
                self.reactor.stop()
            assert phase_of(self.reactor) is phase
            act()
            self.reactor.crash()

        self.reactor.callWhenRunning(running)
        self.reactor.run(installSignalHandlers=False)

    def done(self, event: Event) -> Outcome:
        """Have ``event`` happen now."""
        try:
            if event in {Event.RUN, Event.RUN_RESTARTABLE}:
                return self.phase_in_run()
            if event is Event.STOP:
                self.reactor.stop()
            elif event is Event.CRASH:
                self.reactor.crash()
            elif event is Event.SHUT_DOWN:
                self.reactor.fireSystemEvent("shutdown")
            else:
                with pytest.raises(StopIteration):  # it has nothing to wait for
                    enter(self.reactor).send(None)
        except Exception as problem:  # noqa: BLE001 - the outcome
            return type(problem)
        return phase_of(self.reactor)

    def phase_in_run(self) -> Phase:
        seen: list[Phase] = []

        def look() -> None:
            seen.append(phase_of(self.reactor))
            self.reactor.crash()

        trigger = None
        if not self.reactor.running:
            trigger = self.reactor.callWhenRunning(look)
        try:
            self.reactor.run(installSignalHandlers=False)
        except BaseException:
            if trigger is not None:
                self.reactor.removeSystemEventTrigger(trigger)
            raise
        return seen[0]

    async def attached(self) -> Phase:
        await enter(self.reactor)
        phase = phase_of(self.reactor)
        await self.reactor.stay.leave()
        return phase

    async def left_in(self, phase: Phase) -> Phase:
        await enter(self.reactor)
        if phase is Phase.RESTING:
            self.reactor.crash()
        elif phase is not Phase.RUNNING:
            self.reactor.stop()
        if phase is Phase.ENDED:
            ended = asyncio.get_running_loop().create_future()
            self.reactor.addSystemEventTrigger("after", "shutdown", ended.set_result, None)
            await ended
        assert phase_of(self.reactor) is phase
        await self.reactor.stay.leave()
        return phase_of(self.reactor)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize(("phase", "event"), CELLS)
def test_cell(
    loop: asyncio.AbstractEventLoop, phase: Phase, event: Event, nothing_left: None
) -> None:
    restartable = event is Event.RUN_RESTARTABLE
    reactor = TornadoReactor(loop, restartable=restartable)
    assert Subject(reactor).outcome(phase, event) is TABLE[phase][event]
    reactor.fireSystemEvent("shutdown")
    reactor.disconnectAll()


@pytest.mark.parametrize(("phase", "event"), NATIVE_CELLS)
def test_cell_of_a_native_reactor(phase: Phase, event: Event) -> None:
    reactor: Any = NativeReactor()
    try:
        assert Subject(reactor).outcome(phase, event) is TABLE[phase][event]
    finally:
        for reader in list(reactor._internalReaders):
            reader.connectionLost(None)
        (reactor._poller if sys.platform == "linux" else reactor._kq).close()


def test_table_is_whole() -> None:
    assert set(TABLE) == set(Phase)
    for row in TABLE.values():
        assert set(row) == set(Event)


def test_documentation_draws_this_table() -> None:
    head, *lines = table_text()
    assert head[1:] == [phase.value for phase in TABLE]
    for event, (name, *cells) in zip(Event, lines, strict=True):
        assert name == event.value
        for phase, cell in zip(TABLE, cells, strict=True):
            outcome = TABLE[phase][event]
            assert cell == (outcome.value if isinstance(outcome, Phase) else outcome.__name__)
    assert "```{lifecycle-table}" in PAGE.read_text(encoding="utf-8")
