"""The life of a reactor: what each event does in each state. The table is the machine.

It imports no framework. A reactor passes events to it, and it calls the reactor's actions; the
reactor translates its errors to Twisted's. Both directions use it: a TornadoReactor for its own
life, and the host of a ReactorEventLoop for the life of the reactor that it was given.

::

    RESTING -> DUE -> RUNNING -> STOPPING -> WINDING -> SHUTTING -> ENDED
                         |
                         +-> CRASHED
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = [
    "TABLE",
    "Action",
    "Event",
    "Lifecycle",
    "Refusal",
    "RefusedError",
    "State",
    "Step",
    "outcome",
    "table_text",
]


class State(enum.Enum):
    """The states of a reactor."""

    #: It was not started, or was shut down and may be started again; the next use starts it.
    RESTING = "resting"
    #: It starts as soon as its loop runs.
    DUE = "due"
    RUNNING = "running"
    #: ``stop()`` was called; the present pass of the main loop goes on.
    STOPPING = "stopping"
    #: asyncio's work in a loop that ends with the reactor is being ended.
    WINDING = "winding down"
    #: Its shutdown triggers have been fired, and some are waited for.
    SHUTTING = "shutting down"
    #: It was left by ``crash()``, or by its loop. Only a run or a block starts it again.
    CRASHED = "crashed"
    #: It was stopped.
    ENDED = "ended"


class Event(enum.Enum):
    """Calls on a reactor, and other events of its life."""

    USE = "any use"
    RUN = "run()"
    RUN_RESTARTABLE = "run(), if restartable"
    ATTACH = "attached(), on entering"
    LEAVE = "attached(), on leaving: the last block, if the first one started it"
    STOP = "stop()"
    CRASH = "crash()"
    SHUT_DOWN = 'fireSystemEvent("shutdown")'
    FORK = "os.fork(), in the child"
    EXIT = "the end of the process"
    #: Its own loop does not run, and another one takes it.
    MOVE = "moving to another loop"
    #: Its loop runs, or its own startup events are fired.
    START = "its loop running"
    #: The pass of the main loop in which ``stop()`` was called is over.
    PASSED = "the pass being over"
    WOUND_DOWN = "asyncio's work being over"
    #: The last of the shutdown triggers has been fired.
    CLOSE = "the triggers being through"
    #: What its run has left, threads above all, has ended too.
    REST = "all being over"


class Action(enum.Enum):
    """The actions of a reactor, which the table calls for."""

    SCHEDULE = "have the loop start it"
    START = "fire the startup triggers, and take turns"
    VISIT = "the same, in a loop that other code runs"
    HAND_OVER = "leave the end of the loop to other code"
    REATTACH = "take turns in the loop that it moved to"
    STOP = "note the stop, and have the present pass be the last"
    WIND_DOWN = "end what asyncio has in the loop, or say at once that there is nothing to end"
    CUT_SHORT = "stop waiting for that"
    FIRE = "fire the shutdown triggers"
    LEAVE = "leave the loop, and end its run if that is the reactor's own"
    CLOSE = "give back all descriptors"
    REST = "forget that it was stopped"


class Refusal(enum.Enum):
    """Why an event is an error, by the name of the error."""

    ALREADY_RUNNING = "ReactorAlreadyRunning"
    NOT_RUNNING = "ReactorNotRunning"
    NOT_RESTARTABLE = "ReactorNotRestartable"
    ABOUT_TO_STOP = "RuntimeError"


class RefusedError(Exception):
    """An event that is an error in the present state, which stays as it is.

    Args:
        refusal: Why.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True)
class Step:
    """What an event does.

    Args:
        state: The state that it leads to; None for the present one.
        actions: What the reactor does then.
    """

    state: State | None
    actions: tuple[Action, ...] = ()


def _to(state: State | None, *actions: Action) -> Step:
    return Step(state, actions)


def _each(states: Iterable[State], step: Step | Refusal) -> dict[State, Step | Refusal]:
    return dict.fromkeys(states, step)


_STOPPED: Final = (State.STOPPING, State.WINDING, State.SHUTTING)
_STARTED: Final = (State.RUNNING, *_STOPPED)
_NOT_STARTED: Final = (State.RESTING, State.DUE, State.CRASHED)

#: What each event does in each state. In a state that is not named it does nothing.
TABLE: Final[Mapping[Event, Mapping[State, Step | Refusal]]] = {
    Event.USE: {
        State.RESTING: _to(State.DUE, Action.SCHEDULE),
    },
    Event.RUN: {
        **_each(_NOT_STARTED, _to(State.DUE, Action.SCHEDULE)),
        **_each(_STARTED, Refusal.ALREADY_RUNNING),
        State.ENDED: Refusal.NOT_RESTARTABLE,
    },
    Event.RUN_RESTARTABLE: {
        **_each((*_NOT_STARTED, State.ENDED), _to(State.DUE, Action.SCHEDULE)),
        **_each(_STARTED, Refusal.ALREADY_RUNNING),
    },
    Event.ATTACH: {
        **_each((*_NOT_STARTED, State.ENDED), _to(State.RUNNING, Action.VISIT)),
        **_each(_STOPPED, Refusal.ABOUT_TO_STOP),
    },
    Event.LEAVE: {
        State.RUNNING: _to(State.STOPPING, Action.STOP),
        State.WINDING: _to(None, Action.CUT_SHORT),
        # It was left in the middle of its work, and is now shut down.
        State.CRASHED: _to(State.STOPPING, Action.VISIT, Action.STOP),
    },
    Event.STOP: {
        **_each((State.RESTING, State.DUE, State.ENDED), Refusal.NOT_RUNNING),
        State.RUNNING: _to(State.STOPPING, Action.STOP),
        State.CRASHED: _to(State.ENDED, Action.STOP),  # so Twisted has it
        State.STOPPING: Refusal.NOT_RUNNING,
        State.WINDING: _to(None, Action.CUT_SHORT),
        State.SHUTTING: Refusal.NOT_RUNNING,
    },
    Event.CRASH: {
        State.RUNNING: _to(State.CRASHED, Action.LEAVE),
        **_each(_STOPPED, _to(State.ENDED, Action.LEAVE)),
    },
    Event.SHUT_DOWN: {
        **_each((*_NOT_STARTED, State.RUNNING, State.ENDED), _to(None, Action.FIRE)),
        **_each(_STOPPED, _to(State.SHUTTING, Action.FIRE)),
    },
    Event.FORK: {
        **_each((State.DUE, *_STARTED), _to(State.DUE, Action.SCHEDULE)),
    },
    Event.EXIT: {
        **_each(_STARTED, _to(None, Action.HAND_OVER)),
    },
    Event.MOVE: {
        **_each((State.RESTING, State.DUE), _to(State.DUE, Action.SCHEDULE)),
        **_each(_STARTED, _to(None, Action.REATTACH)),
    },
    Event.START: {
        **_each((*_NOT_STARTED, State.ENDED), _to(State.RUNNING, Action.START)),
        **_each(_STARTED, Refusal.ALREADY_RUNNING),
    },
    Event.PASSED: {
        **_each((State.RUNNING, State.STOPPING), _to(State.WINDING, Action.WIND_DOWN)),
        # asyncio's work has ended already: the application fires the shutdown itself.
        **_each((State.WINDING, State.SHUTTING), _to(State.SHUTTING, Action.FIRE)),
    },
    Event.WOUND_DOWN: {
        State.WINDING: _to(State.SHUTTING, Action.FIRE),
    },
    Event.CLOSE: {
        **_each(_NOT_STARTED, _to(State.RESTING, Action.CLOSE)),
        State.ENDED: _to(None, Action.CLOSE),
    },
    Event.REST: {
        **_each((*_NOT_STARTED, State.ENDED), _to(State.RESTING, Action.REST)),
    },
}

_NOTHING: Final = Step(None)
_STARTS: Final = frozenset({Action.START, Action.VISIT})


class Lifecycle:
    """The state of one reactor, and the one place that changes it.

    Args:
        actions: How the reactor does what the table says.
        state: Where it stands.

    All methods belong to the reactor's thread.
    """

    def __init__(
        self, actions: Mapping[Action, Callable[[], object]], state: State = State.RESTING
    ) -> None:
        self._actions = actions
        self.state = state
        #: Whether it was ever started, in this process.
        self.has_run = state in _STARTED
        #: Called in place of a ``stop()``: what runs a main coroutine ends that first.
        self.on_stop: Callable[[], object] | None = None

    @property
    def started(self) -> bool:
        """Whether it has been started, and not left since."""
        return self.state in _STARTED

    @property
    def is_ending(self) -> bool:
        """Whether it was told to stop, and has not ended."""
        return self.state in _STOPPED

    def refusal(self, event: Event) -> Refusal | None:
        """Why an event would be refused in the present state; None if it would not."""
        step = TABLE[event].get(self.state)
        return step if isinstance(step, Refusal) else None

    def handle(self, event: Event) -> None:
        """Do what an event does in the present state.

        Args:
            event: What happens.

        Raises:
            RefusedError: It is an error in this state.
        """
        step = TABLE[event].get(self.state, _NOTHING)
        if isinstance(step, Refusal):
            raise RefusedError(step)
        if step.state is not None:
            self.state = step.state
        for action in step.actions:
            self.has_run |= action in _STARTS
            self._actions[action]()

    def stop(self) -> None:
        """Handle ``stop()``, or call the holder in its place, where there is one.

        Raises:
            RefusedError: The reactor does not run, or stops already.
        """
        if self.on_stop is not None and self.state is State.RUNNING:
            self.on_stop()
        else:
            self.handle(Event.STOP)

    def release(self) -> None:
        """Ignore all further events: the reactor is not followed any more."""
        self._actions = dict.fromkeys(Action, lambda: None)
        self.on_stop = None

    def fork(self) -> None:
        """Reset in a child that ``os.fork`` has made; it starts there if it ran or was due."""
        self.has_run = False
        self.on_stop = None
        self.handle(Event.FORK)


def outcome(state: State, event: Event) -> State | Refusal:
    """The state that an event finally leads to, once everything that it starts is done.

    Args:
        state: The state before.
        event: What happens.

    Returns:
        The state afterwards, or why it is refused.
    """
    life: Lifecycle

    def follow(*events: Event) -> Callable[[], None]:
        def happen() -> None:
            for one in events:
                life.handle(one)

        return happen

    def leave_and_close() -> None:
        if life.started:
            life.handle(Event.CRASH)
        life.handle(Event.CLOSE)

    actions: dict[Action, Callable[[], object]] = {
        **dict.fromkeys(Action, follow()),
        Action.SCHEDULE: follow(Event.START) if event is not Event.USE else follow(),
        Action.STOP: follow(Event.PASSED),
        Action.WIND_DOWN: follow(Event.WOUND_DOWN),
        Action.CUT_SHORT: follow(Event.WOUND_DOWN),
        Action.FIRE: leave_and_close,
    }
    life = Lifecycle(actions, state)
    try:
        life.handle(event)
    except RefusedError as refused:
        return refused.refusal
    if event is Event.LEAVE:
        leave_and_close()
        life.handle(Event.REST)
    return life.state


#: What the users of a reactor do to it, and in which states they find it.
_PUBLIC = (
    *(Event.RUN, Event.RUN_RESTARTABLE, Event.ATTACH, Event.LEAVE),
    *(Event.STOP, Event.CRASH, Event.SHUT_DOWN),
)


def table_text() -> list[list[str]]:
    """The table in words: a line of the states, then one for each event of a reactor's users."""
    lines = [["", *(state.value for state in State)]]
    lines += [[event.value, *(outcome(state, event).value for state in State)] for event in _PUBLIC]
    return lines
