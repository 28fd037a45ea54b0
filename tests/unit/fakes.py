"""A clock, a host and a guest without a framework: all that the engine needs.

The host is a small event loop with the order of a real one: it polls, then runs what the poll
found. It checks what must never happen to a host: an exception that escapes the engine, more than
one timer, a turn within a turn, a request in the context of an application.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triloop.embedding import Embedding
    from triloop.protocol import Callback

Work = Callable[[], object]


class FakeClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Request:
    """A callback that the host was asked to call: once, unless it ``lasts``."""

    def __init__(self, callback: Work, due: float = 0.0, *, lasts: bool = False) -> None:
        self.callback = callback
        self.due = due
        self.lasts = lasts
        self.cancelled = False
        self.done = False
        self.running = False

    def cancel(self) -> None:
        self.cancelled = True

    def is_live(self) -> bool:
        return not (self.cancelled or self.done)


def asked(callback: Work, due: float = 0.0, *, lasts: bool = False) -> Request:
    """A request of the engine; a real host would keep the context of the request."""
    assert not copy_context(), "a request in the context of an application"
    return Request(callback, due, lasts=lasts)


class FakeHost:
    """An event loop that is run one pass at a time; passes may be nested.

    Args:
        clock: The clock of its timers.
        raises: Whether ``interrupt`` raises its reason, as an asyncio loop does, or keeps it, as a
            reactor does.
        nests: Whether it says that passes can be nested.
        recurses: Whether it calls a watch whose callback has not returned, as asyncio's loops do;
            those of GUIs do not.
    """

    def __init__(
        self,
        clock: FakeClock,
        *,
        raises: bool = False,
        nests: bool = False,
        recurses: bool = True,
    ) -> None:
        self.clock = clock
        self.raises = raises
        self.nests = nests
        self.recurses = recurses
        self.readable: Callable[[int], bool] = lambda fd: False
        self.watches: dict[int, Request] = {}
        self.timers: list[Request] = []
        self.soon: list[Request] = []
        #: Calls of other threads; ``list.append`` is atomic.
        self.from_threads: list[Request] = []
        #: The host's own work, which a guest must not starve.
        self.own: list[Request] = []
        self.reasons: list[BaseException] = []
        #: Whether it was told to stop: all passes that are under way end after their callback.
        self.stopped = False
        #: Called before every callback, and when the engine has handed over a reason.
        self.before_call: Work = lambda: None
        self.interrupted: Work = lambda: None
        #: How many requests of each kind were made.
        self.watched = self.timed = self.soons = 0

    # triloop.protocol.Host

    def watch(self, fd: int, callback: Callback) -> Request:
        if fd < 0:
            raise ValueError(f"{fd} is no descriptor")
        assert fd not in self.watches or self.watches[fd].cancelled, "watched twice"
        self.watched += 1
        self.watches[fd] = asked(callback, lasts=True)
        return self.watches[fd]

    def call_later(self, delay: float, callback: Callback) -> Request:
        assert delay > 0, "what is due at once is no matter for a timer"
        self.timed += 1
        self.timers.append(asked(callback, self.clock() + delay))
        return self.timers[-1]

    def call_soon(self, callback: Callback) -> Request:
        self.soons += 1
        self.soon.append(asked(callback))
        return self.soon[-1]

    def call_soon_threadsafe(self, callback: Callback) -> None:
        self.from_threads.append(asked(callback))

    def interrupt(self, reason: BaseException) -> None:
        if isinstance(reason, AssertionError):
            raise reason  # of the test itself, from within a turn
        self.reasons.append(reason)
        self.interrupted()
        if self.raises:
            raise reason

    # What the host holds

    def watching(self) -> list[Request]:
        return [watch for watch in self.watches.values() if watch.is_live()]

    def armed(self) -> list[Request]:
        return [timer for timer in self.timers if timer.is_live()]

    def pending(self) -> list[Request]:
        return [request for request in self.soon if request.is_live()]

    def called_from_threads(self) -> list[Request]:
        return [request for request in self.from_threads if request.is_live()]

    def holds_nothing(self) -> bool:
        return not (self.watching() or self.armed() or self.pending())

    def is_idle(self) -> bool:
        """Whether a poll would block now."""
        return not self._found()

    def next_timer(self) -> float:
        """When a poll that blocks would end by itself; infinite without a timer."""
        return min((timer.due for timer in self.armed()), default=math.inf)

    # Running

    def add_own(self, work: Work) -> Request:
        """Give the host work of its own; ``done`` says whether it has run."""
        self.own.append(Request(work))
        return self.own[-1]

    def run_pass(self, *, backwards: bool = False) -> None:
        """Poll, then run what was found; ``backwards`` runs it in the opposite order."""
        found = self._found()
        if backwards:
            found.reverse()
        for request in found:
            if self.stopped:
                break
            self._run(request)

    def run_until_idle(self, limit: int) -> int:
        """Run passes until a poll would block; return how many.

        Raises:
            AssertionError: It is more than ``limit``: a busy loop.
        """
        passes = 0
        while not (self.stopped or self.is_idle()):
            assert passes < limit, f"still busy after {limit} passes"
            self.run_pass()
            passes += 1
        return passes

    def fire_early(self) -> None:
        """Fire the armed timer before it is due."""
        (timer,) = self.armed()
        self._run(timer)

    def _found(self) -> list[Request]:
        readable = [
            watch
            for fd, watch in self.watches.items()
            if watch.is_live() and self.readable(fd) and (self.recurses or not watch.running)
        ]
        due = [timer for timer in self.armed() if timer.due <= self.clock()]
        own = [request for request in self.own if request.is_live()]
        return readable + due + self.pending() + self.called_from_threads() + own

    def _run(self, request: Request) -> None:
        """Run what was found, unless a nested pass has run it or it was cancelled."""
        if not request.is_live():
            return
        request.done = not request.lasts
        self.before_call()
        outer, request.running = request.running, True
        try:
            request.callback()
        finally:
            request.running = outer


class GuestTimer:
    """A timer of the guest; setting ``due`` moves it."""

    def __init__(self, due: float, work: Work) -> None:
        self.due = due
        self.work = work


class FakeGuest:
    """A loop with ready work, I/O and timers; like a real one it wakes on work from outside.

    Args:
        clock: The clock of its timers.
        nests: Whether its turn can be suspended for nested turns.
    """

    FD = 7

    def __init__(self, clock: FakeClock, *, nests: bool = False) -> None:
        self.clock = clock
        self.suspend: Callable[[], object] | None = self.suspend_turn if nests else None
        self.fd = self.FD
        self.embedding: Embedding | None = None
        self.ready: deque[Work] = deque()
        #: The work that the present turn has not run yet.
        self.batch: deque[Work] = deque()
        self.io: deque[Work] = deque()
        self.timers: list[GuestTimer] = []
        self.turns = 0
        self.in_turn = False
        self.before_turn: Callable[[], object] = lambda: None
        self.fails_with: BaseException | None = None

    # triloop.protocol.Guest

    def fileno(self) -> int:
        return self.fd

    def deadline(self) -> float | None:
        if self.fails_with is not None:
            raise self.fails_with
        if self.ready:
            return 0
        if not self.timers:
            return None
        return max(0.0, min(timer.due for timer in self.timers) - self.clock())

    def turn(self) -> float | None:
        assert not self.in_turn, "a turn within a turn"
        self.in_turn = True
        self.turns += 1
        self.before_turn()
        try:
            self._run_once()
        finally:
            self.in_turn = False
        return self.deadline()

    def suspend_turn(self) -> None:
        assert self.in_turn, "there is nothing to suspend"
        self.in_turn = False
        self.ready.extendleft(reversed(self.batch))
        self.batch.clear()

    # Its users

    def is_readable(self, fd: int) -> bool:
        return fd == self.fd and bool(self.io)

    def schedule(self, work: Work) -> None:
        """Have ``work`` run, from any thread."""
        self.ready.append(work)
        self._wake()

    def receive(self, work: Work) -> None:
        """Have ``work`` run as I/O does: only the descriptor shows it."""
        self.io.append(work)

    def call_later(self, delay: float, work: Work) -> GuestTimer:
        timer = GuestTimer(self.clock() + delay, work)
        self.timers.append(timer)
        self._wake()
        return timer

    def move(self, timer: GuestTimer, delay: float) -> None:
        timer.due = self.clock() + delay
        self._wake()

    def cancel(self, timer: GuestTimer) -> None:
        """Cancel without a wake: none is needed."""
        self.timers.remove(timer)

    def has_work(self) -> bool:
        return self.deadline() == 0 or bool(self.io)

    def _wake(self) -> None:
        if self.embedding is not None:
            self.embedding.wake()

    def _run_once(self) -> None:
        self.ready.extend(self.io)
        self.io.clear()
        due = [timer for timer in self.timers if timer.due <= self.clock()]
        self.timers = [timer for timer in self.timers if timer not in due]
        self.ready.extend(timer.work for timer in sorted(due, key=lambda timer: timer.due))
        for _ in range(len(self.ready)):  # a thread may add to it at any time
            self.batch.append(self.ready.popleft())
        try:
            while self.batch:
                self.batch.popleft()()
        finally:
            self.ready.extendleft(reversed(self.batch))
            self.batch.clear()
