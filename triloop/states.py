"""The lifecycle table: what each event does to a reactor in each phase."""

from __future__ import annotations

import enum
from typing import Any, Final

from twisted.internet.error import (
    ReactorAlreadyRunning,
    ReactorNotRestartable,
    ReactorNotRunning,
)

__all__ = ["TABLE", "Event", "Phase", "phase_of", "table_text"]


class Phase(enum.Enum):
    """Where a reactor stands."""

    RESTING = "resting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class Event(enum.Enum):
    """What may be done to a reactor."""

    RUN = "run()"
    RUN_RESTARTABLE = "run(), if restartable"
    ATTACH = "attached(), on entering"
    LEAVE = "attached(), on leaving: the last block, if the first one started it"
    STOP = "stop()"
    CRASH = "crash()"
    SHUT_DOWN = 'fireSystemEvent("shutdown")'


#: What each event does in each phase: the phase it leads to, or the error that it is.
TABLE: Final[dict[Phase, dict[Event, Phase | type[Exception]]]] = {
    Phase.RESTING: {
        Event.RUN: Phase.RUNNING,
        Event.RUN_RESTARTABLE: Phase.RUNNING,
        Event.ATTACH: Phase.RUNNING,
        Event.LEAVE: Phase.RESTING,
        Event.STOP: ReactorNotRunning,
        Event.CRASH: Phase.RESTING,
        Event.SHUT_DOWN: Phase.RESTING,
    },
    Phase.RUNNING: {
        Event.RUN: ReactorAlreadyRunning,
        Event.RUN_RESTARTABLE: ReactorAlreadyRunning,
        Event.ATTACH: Phase.RUNNING,
        Event.LEAVE: Phase.RESTING,
        Event.STOP: Phase.STOPPING,
        Event.CRASH: Phase.RESTING,
        Event.SHUT_DOWN: Phase.RESTING,
    },
    Phase.STOPPING: {
        Event.RUN: ReactorAlreadyRunning,
        Event.RUN_RESTARTABLE: ReactorAlreadyRunning,
        Event.ATTACH: RuntimeError,
        Event.LEAVE: Phase.RESTING,
        Event.STOP: ReactorNotRunning,
        Event.CRASH: Phase.ENDED,
        Event.SHUT_DOWN: Phase.ENDED,
    },
    Phase.ENDED: {
        Event.RUN: ReactorNotRestartable,
        Event.RUN_RESTARTABLE: Phase.RUNNING,
        Event.ATTACH: Phase.RUNNING,
        Event.LEAVE: Phase.RESTING,
        Event.STOP: ReactorNotRunning,
        Event.CRASH: Phase.ENDED,
        Event.SHUT_DOWN: Phase.ENDED,
    },
}


def table_text() -> list[list[str]]:
    """The table in words: a line of the phases, then one for each event."""
    lines = [["", *(phase.value for phase in TABLE)]]
    for event in Event:
        outcomes = [TABLE[phase][event] for phase in TABLE]
        cells = [one.value if isinstance(one, Phase) else one.__name__ for one in outcomes]
        lines.append([event.value, *cells])
    return lines


def phase_of(reactor: Any) -> Phase:
    """Where ``reactor`` stands, by what Twisted itself remembers of it."""
    if reactor._startedBefore:
        return Phase.STOPPING if reactor._started else Phase.ENDED
    return Phase.RUNNING if reactor._started else Phase.RESTING
