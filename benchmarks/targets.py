"""The targets of triloop's loops, and whether this run reached them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from benchmarks.jobs import (
    ASYNCIO,
    BARE,
    EPOLL,
    JOBS,
    LOOP_EPOLL,
    LOOP_OWN,
    OURS,
    SUITES,
    TORNADO,
    TORNADO_UVLOOP,
    TRADITION,
    TRADITION_UVLOOP,
    UVLOOP,
    Job,
    Point,
)
from benchmarks.results import Key, Results

__all__ = ["TARGETS", "Target", "Verdict", "described", "judge", "missed", "needs", "table"]

_ONE = Point(1, 1024)
_FIFTY = Point(50, 1024)
_LARGE = Point(50, 100 * 1024)
_CROWD = Point(50, 1024, idle=10_000)
_ALONE = Point()
_PAGE = Point(50)

#: What every cell of ours may cost beside its native one; with one connection nothing shares a
#: wake-up, so that a reactor of Twisted's may cost more.
_BAR = 1.05
_BAR_OF_ONE = 1.15


@dataclass(frozen=True)
class Target:
    """Ours may cost at most ``bar`` times the other's, or has to be ``bar`` times cheaper."""

    job: str
    ours: str
    point: Point
    other: str
    bar: float
    at_most: bool = True
    figure: str = "cpu"
    other_point: Point | None = None
    other_job: str = ""

    def __str__(self) -> str:
        what, against = described(self)
        return f"{what}, {self.ours} : {against}"

    @property
    def our_key(self) -> Key:
        """What is judged."""
        return Key(self.job, self.ours, self.point)

    @property
    def other_key(self) -> Key:
        """What it is compared with."""
        return Key(self.other_job or self.job, self.other, self.other_point or self.point)


def _cheaper(job: str, ours: str, point: Point, other: str, times: float) -> Target:
    return Target(job, ours, point, other, times, at_most=False)


def _reactor_targets(ours: str, tradition: str) -> list[Target]:
    return [
        _cheaper("twisted-echo", ours, _FIFTY, EPOLL, 2.0),
        _cheaper("twisted-echo", ours, _FIFTY, tradition, 3.0),
        Target("twisted-echo", ours, _FIFTY, BARE, 1.15),
        Target("twisted-echo", ours, _ONE, EPOLL, 1.0),
        _cheaper("twisted-web", ours, _PAGE, EPOLL, 1.15),
        _cheaper("twisted-web", ours, _PAGE, tradition, 1.5),
        Target("twisted-tls", ours, _FIFTY, EPOLL, 1.0),
        Target("twisted-echo", ours, _LARGE, EPOLL, 1.0),
        Target("twisted-udp", ours, _FIFTY, EPOLL, 1.0),
    ]


def _loop_targets() -> list[Target]:
    return [
        _cheaper("asyncio-fresh", LOOP_EPOLL, _FIFTY, ASYNCIO, 3.0),
        Target("asyncio-echo", LOOP_EPOLL, _FIFTY, UVLOOP, 1.2),
        _cheaper("streams-fresh", LOOP_EPOLL, _FIFTY, ASYNCIO, 2.0),
    ]


def _other_targets() -> list[Target]:
    return [
        _cheaper("timers", TORNADO, _ALONE, EPOLL, 1.0),
        _cheaper("timers-reset", TORNADO, _ALONE, EPOLL, 10.0),
        *(
            Target(job, ours, _CROWD, ours, 1.1, other_point=_FIFTY)
            for job, ours in (
                ("twisted-idle", TORNADO),
                ("twisted-idle", TORNADO_UVLOOP),
                ("asyncio-idle", LOOP_EPOLL),
            )
        ),
        Target("twisted-idle", TORNADO, _CROWD, EPOLL, 1.05, figure="memory"),
        Target("twisted-idle", TORNADO_UVLOOP, _CROWD, EPOLL, 1.05, figure="memory"),
        Target("asyncio-idle", LOOP_EPOLL, _CROWD, ASYNCIO, 1.05, figure="memory"),
        Target("spawn-beside", TORNADO_UVLOOP, _ALONE, UVLOOP, 1.2),
    ]


def _bar(point: Point, ours: str) -> float:
    return _BAR_OF_ONE if point.connections == 1 and ours != LOOP_OWN else _BAR


def _cells(jobs: Iterable[Job]) -> list[Target]:
    return [
        Target(job.name, ours, point, job.native(ours), _bar(point, ours))
        for job in jobs
        for ours in job.contenders
        if ours in OURS
        for point in job.points
    ]


def _application_targets() -> list[Target]:
    """They take no longer either, and on uvloop no more than the default reactor on uvloop does."""
    jobs = SUITES["applications"]
    return [
        *(replace(one, figure="time") for one in _cells(jobs)),
        *(
            Target(job.name, TORNADO_UVLOOP, point, TRADITION_UVLOOP, _bar(point, TORNADO_UVLOOP))
            for job in jobs
            if TORNADO_UVLOOP in job.contenders
            for point in job.points
        ),
    ]


def _worker_targets() -> list[Target]:
    """Two workers beside one: requests a second, and the CPU time of each."""
    return [
        target
        for job in SUITES["workers"]
        for ours in job.contenders
        if ours in OURS
        for one, two in [job.points]
        for target in (
            replace(_cheaper(job.name, ours, two, ours, 1.8), figure="time", other_point=one),
            Target(job.name, ours, two, ours, 1.1, other_point=one),
        )
    ]


def _every_cell(but: list[Target]) -> list[Target]:
    """A target for each cell of ours, but for those that have a stricter one."""
    special = {(target.our_key, target.other_key) for target in but if target.figure == "cpu"}
    return [cell for cell in _cells(JOBS) if (cell.our_key, cell.other_key) not in special]


_SPECIAL = [
    *_reactor_targets(TORNADO, TRADITION),
    *_reactor_targets(TORNADO_UVLOOP, TRADITION_UVLOOP),
    *_loop_targets(),
    *_other_targets(),
    *_application_targets(),
    *_worker_targets(),
]
TARGETS = (*_SPECIAL, *_every_cell(_SPECIAL))


@dataclass(frozen=True)
class Verdict:
    """A target and its outcome. ``ratio`` is measured the way the target's bar is given."""

    target: Target
    ours: float
    other: float

    @property
    def ratio(self) -> float:
        """Ours to the other's, or the other way round where ours is to be cheaper."""
        return self.ours / self.other if self.target.at_most else self.other / self.ours

    @property
    def holds(self) -> bool:
        """Whether the target is reached."""
        if self.target.at_most:
            return self.ratio <= self.target.bar
        return self.ratio >= self.target.bar

    @property
    def excess(self) -> float:
        """How far from its bar: above 1 it is missed, and 1.1 is a tenth too much."""
        bar = self.target.bar
        return self.ratio / bar if self.target.at_most else bar / self.ratio


def needs(job: str, point: Point | None = None, contender: str | None = None) -> bool:
    """Whether a target is judged by this point, or this contender, of a job."""
    keys = [key for target in TARGETS for key in (target.our_key, target.other_key)]
    return any(
        key.job == job and point in {None, key.point} and contender in {None, key.contender}
        for key in keys
    )


def judge(results: Results) -> list[Verdict]:
    """Judge every target for which there are figures."""
    verdicts = []
    for target in TARGETS:
        ours, other = results.median(target.our_key), results.median(target.other_key)
        if ours and other:
            figures = (getattr(one, target.figure) for one in (ours, other))
            verdicts.append(Verdict(target, *figures))
    return verdicts


def missed(verdicts: list[Verdict]) -> list[Verdict]:
    """Those that do not hold, the farthest from its bar first."""
    found = (verdict for verdict in verdicts if not verdict.holds)
    return sorted(found, key=lambda verdict: verdict.excess, reverse=True)


def table(verdicts: list[Verdict]) -> str:
    """Every target on a line: ours, the other's, their ratio, the bar."""
    head = f"{'target':<52}{'ours':>10}{'other':>10}{'ratio':>8}{'bar':>9}"
    reached = sum(verdict.holds for verdict in verdicts)
    last = f"{reached} of {len(verdicts)} targets reached"
    return "\n".join([head, *map(_line, verdicts), last]) + "\n"


def _line(verdict: Verdict) -> str:
    ours, other = f"{verdict.ours:>10.2f}", f"{verdict.other:>10.2f}"
    what, against = described(verdict.target)
    bar = f"{'<=' if verdict.target.at_most else '>='} {verdict.target.bar:.2f}"
    return (
        f"{what}\n{'  ' + verdict.target.ours + ' : ' + against:<52}"
        f"{ours}{other}{verdict.ratio:>8.2f}{bar:>9}  {_outcome(verdict)}"
    )


_FIGURES = {"cpu": "", "time": ", time", "memory": ", bytes of memory"}


def described(target: Target) -> tuple[str, str]:
    """What was done, and what ours is compared with."""
    what = target.job + _FIGURES[target.figure]
    if target.point != _ALONE:
        what += f" ({target.point})"
    against = target.other if target.other != target.ours else str(target.other_point)
    return what, against


def _outcome(verdict: Verdict) -> str:
    return "reached" if verdict.holds else "MISSED"
