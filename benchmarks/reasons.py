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

#: The first that explains a miss is given.
REASONS = (
    Reason(
        "*Out of reach.* The bare loop alone costs about a third of AsyncioSelectorReactor on "
        "uvloop: three times cheaper would leave Twisted some hundredths of it. Most of the bare "
        "loop is the kernel's `recv`, `send` and `epoll_wait`.",
        "twisted-echo",
        "TornadoReactor, uvloop",
        "AsyncioSelectorReactor, uvloop",
        beyond=0.1,
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
        beyond=0.25,
        connections=1,
    ),
    Reason(
        "*Passes of the loop.* Each is a round of a turn here, with a look at the deadline, at the "
        "budget and at what is to be done after it; the host is asked after 64 of them. `wait_for` "
        "is four such passes.",
        "wait-for",
        _LOOPS,
        beyond=0.15,
    ),
    Reason(
        "*Passes of the loop.* Each is a round of a turn here, with a look at the deadline, at the "
        "budget and at what is to be done after it. An await is one or two such passes.",
        "await-*",
        _LOOPS,
        beyond=0.1,
    ),
    Reason(
        "*Timers.* To make one costs a look at the embedding more than stock asyncio, and so does "
        "to run it.",
        "call-at",
        _LOOPS,
        beyond=0.15,
    ),
    Reason(
        "*Calls from a thread*, one at a time: each is a wake of the host's poller, and then of "
        "the guest's. Calls that come together share both.",
        "thread-calls",
        beyond=0.3,
    ),
    Reason(
        "*At the edge.* It is within a few hundredths of its bar, on one side or the other from "
        "run to run.",
        "twisted-web",
        "TornadoReactor, uvloop",
        "AsyncioSelectorReactor, uvloop",
    ),
    Reason(
        "*At the edge.* What is left beside the bare loop is the interpreter's, and moves by a few "
        "hundredths from run to run.",
        "*-echo",
        against="bare epoll",
    ),
)


def reason(verdict: Verdict) -> Reason | None:
    """Why this target is missed; None if no reason is known."""
    return next((one for one in REASONS if one.explains(verdict)), None)
