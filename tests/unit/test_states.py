"""The table of states: each cell is tried on a real reactor, and on Twisted's own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import error
from twisted.internet.defer import Deferred

from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor
from triloop.lifecycle.attach import enter
from triloop.states import (
    TABLE,
    Action,
    Event,
    Lifecycle,
    Refusal,
    RefusedError,
    State,
    Step,
    outcome,
    table_text,
)

if sys.platform == "linux":
    from twisted.internet.epollreactor import EPollReactor as NativeReactor
else:
    from twisted.internet.kqreactor import KQueueReactor as NativeReactor

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"

Outcome = State | type[Exception]

ERRORS = {
    Refusal.ALREADY_RUNNING: error.ReactorAlreadyRunning,
    Refusal.NOT_RUNNING: error.ReactorNotRunning,
    Refusal.NOT_RESTARTABLE: error.ReactorNotRestartable,
    Refusal.ABOUT_TO_STOP: RuntimeError,
}
RUNS = [Event.RUN, Event.RUN_RESTARTABLE]
PUBLIC = [*RUNS, Event.ATTACH, Event.STOP, Event.CRASH, Event.SHUT_DOWN]
#: States in which a run is under way.
RUNNING = [State.RUNNING, State.STOPPING, State.WINDING, State.SHUTTING]
CELLS = [(state, event) for state in State for event in PUBLIC]
#: The events that Twisted itself has.
NATIVE_CELLS = [
    (state, event)
    for state in (State.RESTING, State.RUNNING, State.STOPPING, State.CRASHED, State.ENDED)
    for event in (Event.RUN, Event.STOP, Event.CRASH, Event.SHUT_DOWN)
]


def expected(state: State, event: Event) -> Outcome:
    end = outcome(state, event)
    return ERRORS[end] if isinstance(end, Refusal) else end


class Subject:
    """A TornadoReactor that is brought into a state, and gets an event there."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, restartable: bool) -> None:
        self.loop = loop
        self.reactor: Any = TornadoReactor(loop, restartable=restartable)
        self.freed: Deferred[None] = Deferred()
        self.seen: list[Outcome] = []

    @property
    def state(self) -> State:
        state: State = self.reactor.lifecycle.state
        return state

    def outcome(self, state: State, event: Event) -> Outcome:
        """The state that ``event`` leads to in ``state``, or its error."""
        if state in RUNNING:
            self.reactor.callWhenRunning(self.reach, state, event)
            self.reactor.run(installSignalHandlers=False)
        else:
            self.rest_in(state)
            self.act(state, event)
            if event in {Event.ATTACH, *RUNS} and not self.seen:
                self.loop.run_forever()
        return self.seen[0]

    def rest_in(self, state: State) -> None:
        """Bring the reactor into a state in which nothing runs."""
        if state is State.RESTING:
            self.reactor.fireSystemEvent("shutdown")
        elif state in {State.CRASHED, State.ENDED}:
            end = self.reactor.stop if state is State.ENDED else self.reactor.crash
            self.reactor.callWhenRunning(end)
            self.reactor.run(installSignalHandlers=False)

    def reach(self, state: State, event: Event) -> None:
        """Bring the reactor into a state within a run, and act there."""
        if state is State.WINDING:
            self.task = self.loop.create_task(self.stubborn())
        elif state is State.SHUTTING:
            self.reactor.addSystemEventTrigger("before", "shutdown", lambda: self.freed)
        if state is not State.RUNNING:
            self.reactor.stop()
        if state in {State.WINDING, State.SHUTTING}:
            self.reactor.callLater(0.01, self.act, state, event)
        else:
            self.act(state, event)

    async def stubborn(self) -> None:
        """A coroutine that a stop has to wait for."""
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)

    def act(self, state: State, event: Event) -> None:
        assert self.state is state
        try:
            self.do(event)
        except Exception as problem:  # noqa: BLE001 - the outcome
            self.seen.append(type(problem))
            self.end()
        else:
            if event is Event.ATTACH or (event in RUNS and self.seen):
                return
            self.settle()

    def settle(self) -> None:
        """Wait for the effects of the event, if it can have any."""
        if self.loop.is_running() and self.state in {State.WINDING, State.SHUTTING}:
            self.free()
            self.reactor.addSystemEventTrigger("after", "shutdown", self.note)
        elif self.state is State.STOPPING:
            self.reactor.addSystemEventTrigger("after", "shutdown", self.note)
        else:
            self.note()

    def note(self) -> None:
        self.seen.append(self.state)
        self.end()

    def free(self) -> None:
        if not self.freed.called:
            self.freed.callback(None)

    def end(self) -> None:
        self.free()
        if self.reactor.lifecycle.started:
            self.reactor.crash()

    def do(self, event: Event) -> None:
        if event in RUNS:
            self.run()
        elif event is Event.STOP:
            self.reactor.stop()
        elif event is Event.CRASH:
            self.reactor.crash()
        elif event is Event.SHUT_DOWN:
            self.reactor.fireSystemEvent("shutdown")
        elif self.loop.is_running():
            self.attach_now()
        else:
            self.seen.append(self.loop.run_until_complete(self.attached()))

    def run(self) -> None:
        trigger = None
        if not self.reactor.lifecycle.started:
            trigger = self.reactor.callWhenRunning(self.note)
        try:
            self.reactor.run(installSignalHandlers=False)
        except BaseException:
            if trigger is not None:
                self.reactor.removeSystemEventTrigger(trigger)
            raise

    def attach_now(self) -> None:
        with pytest.raises(StopIteration):  # it has nothing to wait for
            enter(self.reactor).send(None)
        self.note()

    async def attached(self) -> State:
        await enter(self.reactor)
        state = self.state
        await self.reactor.visit.leave()
        return state


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize(("state", "event"), CELLS)
def test_cell_of_the_table(
    loop: asyncio.AbstractEventLoop, state: State, event: Event, nothing_left: None
) -> None:
    subject = Subject(loop, restartable=event is Event.RUN_RESTARTABLE)
    assert subject.outcome(state, event) is expected(state, event)
    subject.reactor.fireSystemEvent("shutdown")
    subject.reactor.disconnectAll()
    for task in asyncio.all_tasks(loop):
        task.cancel()
        loop.run_until_complete(asyncio.wait([task]))


async def left_in(reactor: Any, state: State) -> State:
    """Leave a block whose reactor was brought into ``state`` in it."""
    await enter(reactor)
    if state is State.CRASHED:
        reactor.crash()
    elif state is not State.RUNNING:
        reactor.stop()
    if state is State.ENDED:
        ended = asyncio.get_running_loop().create_future()
        reactor.addSystemEventTrigger("after", "shutdown", ended.set_result, None)
        await ended
    assert reactor.lifecycle.state is state
    await reactor.visit.leave()
    end: State = reactor.lifecycle.state
    return end


@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPING, State.CRASHED, State.ENDED])
def test_last_block_leaves_it_at_rest(
    loop: asyncio.AbstractEventLoop, state: State, nothing_left: None
) -> None:
    reactor = TornadoReactor(loop)
    assert asyncio.run(left_in(reactor, state)) is outcome(state, Event.LEAVE) is State.RESTING


class NativeSubject:
    """One of Twisted's own reactors; its states are made of its attributes."""

    def __init__(self) -> None:
        self.reactor: Any = NativeReactor()
        self.seen: list[Outcome] = []

    @property
    def state(self) -> State:
        reactor = self.reactor
        if reactor._startedBefore:
            return State.STOPPING if reactor._started else State.ENDED
        return State.RUNNING if reactor._started else State.RESTING

    def outcome(self, state: State, event: Event) -> Outcome:
        if state in RUNNING:
            self.reactor.callWhenRunning(self.reach, state, event)
            self.reactor.run(installSignalHandlers=False)
        else:
            if state is not State.RESTING:
                end = self.reactor.stop if state is State.ENDED else self.reactor.crash
                self.reactor.callWhenRunning(end)
                self.reactor.run(installSignalHandlers=False)
            self.act(event)
        return self.seen[0]

    def reach(self, state: State, event: Event) -> None:
        if state is State.STOPPING:
            self.reactor.stop()
        self.act(event)
        self.reactor.crash()

    def act(self, event: Event) -> None:
        try:
            if event is Event.RUN and not self.reactor._started:
                self.reactor.callWhenRunning(self.note)
            if event is Event.SHUT_DOWN:
                self.reactor.fireSystemEvent("shutdown")
            else:
                getattr(self.reactor, event.value.removesuffix("()"))()
        except Exception as problem:  # noqa: BLE001 - the outcome
            self.seen.append(type(problem))
        else:
            self.note()

    def note(self) -> None:
        self.seen.append(self.state)
        self.reactor.crash()


#: States that are one in Twisted.
SAME: dict[Outcome, Outcome] = {
    State.CRASHED: State.RESTING,
    State.WINDING: State.STOPPING,
    State.SHUTTING: State.STOPPING,
}


@pytest.mark.parametrize(("state", "event"), NATIVE_CELLS)
def test_cell_of_a_native_reactor(state: State, event: Event) -> None:
    subject = NativeSubject()
    right = expected(state, event)
    if (state, event) == (State.RUNNING, Event.STOP):
        right = State.STOPPING  # the rest is done by Twisted's main loop
    try:
        assert subject.outcome(state, event) is SAME.get(right, right)
    finally:
        for reader in list(subject.reactor._internalReaders):
            reader.connectionLost(None)
        poller = subject.reactor._poller if sys.platform == "linux" else subject.reactor._kq
        poller.close()


def test_table_is_whole() -> None:
    assert set(TABLE) == set(Event)
    named = {action for row in TABLE.values() for step in row.values() for action in actions(step)}
    assert named == set(Action)


def actions(step: Step | Refusal) -> tuple[Action, ...]:
    return step.actions if isinstance(step, Step) else ()


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_machine_does_what_the_table_says(state: State, event: Event) -> None:
    done: list[Action] = []
    record: dict[Action, Callable[[], object]] = {
        action: lambda action=action: done.append(action)  # type: ignore[misc]
        for action in Action
    }
    life = Lifecycle(record, state)
    step = TABLE[event].get(state, Step(None))
    if isinstance(step, Refusal):
        with pytest.raises(RefusedError) as refused:
            life.handle(event)
        assert refused.value.refusal is step
        assert (life.state, done) == (state, [])
    else:
        life.handle(event)
        assert (life.state, tuple(done)) == (step.state or state, step.actions)


def test_documentation_draws_this_table() -> None:
    head, *lines = table_text()
    assert head[1:] == [state.value for state in State]
    rows = {name: cells for name, *cells in lines}
    for event in (*PUBLIC, Event.LEAVE):
        assert rows[event.value] == [outcome(state, event).value for state in State]
    assert "```{lifecycle-table}" in PAGE.read_text(encoding="utf-8")
