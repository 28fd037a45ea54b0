"""Why a target is missed: a line for each kind of miss, which the page gives beside its row."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from benchmarks.targets import Verdict

__all__ = ["REASONS", "Reason", "reason"]


@dataclass(frozen=True)
class Reason:
    """What limits some cells.

    ``jobs``, ``ours`` and ``against`` are patterns of :mod:`fnmatch`, for the names of a job and of
    its two contenders. ``beyond`` is how far from its bar such a cell may be, as a share of it; one
    that is farther has another reason too. A reason with ``connections`` is for so many of them.
    """

    text: str
    jobs: str
    ours: str = "*"
    against: str = "*"
    beyond: float = 0.05
    connections: int | None = None

    def explains(self, verdict: Verdict) -> bool:
        """Whether it is the reason for this miss."""
        target = verdict.target
        named = (
            (target.job, self.jobs),
            (target.ours, self.ours),
            (target.other, self.against),
        )
        return (
            all(fnmatchcase(name, pattern) for name, pattern in named)
            and self.connections in {None, target.point.connections}
            and verdict.excess - 1 <= self.beyond
        )


_LOOPS = "ReactorEventLoop*"
_SELECT = "ReactorEventLoop, select"
_REACTORS = "TornadoReactor*"

_PASSES = (
    "*Passes of the loop.* Each is a round of a turn here, with a look at the deadline, at the "
    "budget and at what is to be done after it; the host is asked after 64 of them. `wait_for` is "
    "four such passes, an await one or two; a timer that is due is a part of one."
)

#: The first that explains a miss is given.
REASONS = (
    Reason(
        "*The kernel's share.* It costs little more than the bare loop by now, which is mostly "
        "`recv`, `send` and `epoll_wait`; and that is about half of EPollReactor, and a third of "
        "AsyncioSelectorReactor or more. These goals are stricter than the usual one.",
        "twisted-echo",
        _REACTORS,
        beyond=0.25,
    ),
    Reason(
        "*Fresh.* Where stock asyncio has the kernel clear memory for each request, these are to "
        "be 3 and 2 times cheaper. What the kernel takes for that differs between machines, and "
        "with it on which side of the bar they are.",
        "*-fresh",
        _LOOPS,
    ),
    Reason(
        "*One connection, on a reactor without epoll.* Every request is a wake of its own. A "
        "`select` has no descriptor for the loop's epoll to watch, so each wake polls twice: in "
        "the reactor, by Twisted's `doSelect`, and in the loop. Between them is Twisted's log "
        "context around each event.",
        "*",
        _SELECT,
        "asyncio",
        beyond=0.4,
        connections=1,
    ),
    Reason(
        "*One connection.* Every request is a wake of its own, which passes through the host "
        "reactor. The system calls are those of stock asyncio; what is more is the interpreter's: "
        "Twisted's main loop with its looks at the timed calls, the wait, the turn and the "
        "deadline. With fifty connections a wake serves many of them, and the ratio is that of the "
        "transports.",
        "*",
        _LOOPS,
        "asyncio",
        beyond=0.1,
        connections=1,
    ),
    Reason(
        "*Calls from a thread, on a reactor without epoll*, one at a time: each is a wake that "
        "polls twice, in the reactor and in the loop. Calls that come together share both.",
        "thread-calls",
        _SELECT,
        beyond=0.3,
    ),
    Reason(
        "*Child processes.* A child has three pipes and a descriptor of its end, each called in a "
        "context of its own, which EPollReactor has not; and each wake polls twice, in the loop "
        "and in the reactor. Two in five steps are, on both, Twisted's look at the handler of each "
        "signal before it starts a child.",
        "spawn",
        _REACTORS,
        beyond=0.2,
    ),
    Reason(
        "*Memory of an idle connection.* Each has a contextvars context of its own, in which its "
        "callbacks run: an object of 64 bytes, and one more attribute. EPollReactor has none. The "
        "rest is how full the pages of the heap are.",
        "twisted-idle",
        _REACTORS,
        beyond=0.15,
    ),
    Reason(
        "*Imports.* triloop is some ninety modules, and asyncio's reactor of Twisted is one more "
        "that it needs. To find and read a small module takes longer than to run it.",
        "import",
        beyond=0.1,
    ),
    *(Reason(_PASSES, jobs, _LOOPS) for jobs in ("call-at", "wait-for", "await-*")),
    Reason(
        "*At the edge.* It is within a few hundredths of its bar, on one side or the other from "
        "run to run.",
        "*",
        beyond=0.03,
    ),
)


def reason(verdict: Verdict) -> Reason | None:
    """Why this target is missed; None if no reason is known."""
    return next((one for one in REASONS if one.explains(verdict)), None)
