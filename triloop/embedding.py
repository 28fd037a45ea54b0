"""The one engine: it runs a guest loop inside a host loop.

::

    state      | readable, timer, soon   | wake              | what the host holds
    -----------+-------------------------+-------------------+--------------------------------
    DETACHED   | (cannot happen)         | ignored           | nothing
    IDLE       | TURNING                 | one call_soon     | watch, at most one timer and soon
    TURNING    | a nested loop runs:     | ignored: the turn | watch (unless a turn is owed),
               | IDLE, with the turn     | looks at its end  | at most one timer; a soon where
               | suspended; or refused,  |                   | a suspended turn would need it
               | and the turn owed       |                   |

All scheduling policy lives here and nowhere else:

* a turn is repeated while the guest has work ready, within a budget of rounds and of time, so
  that neither world starves the other; what is left over waits for the host's next pass;
* at most one timer is armed, and wakes are coalesced;
* what the host calls in the middle of a turn comes from a native loop that runs nested in it: a
  modal dialog, say. A guest that can *suspend* its turn is turned in the nested loop as in any
  other, for as long as that lasts; the suspended turn then ends without another round. A host
  that can run nested is left a call_soon with every turn of such a guest: nothing else would
  tell of a nested loop that begins;
* a guest that cannot suspend its turn is not turned in the nested loop. If it was found readable, a
  turn is owed: the watch is level-triggered and would make the nested loop spin, so it is dropped
  until the turn is over;
* the embedding calls the host in an empty context. Hosts keep a copy of the context in which they
  are called, and run the turn in it: that of an application's task would outlive the task, and be
  visible to unrelated code;
* no exception leaves a turn through the host's own callbacks: a host may take it for the failure of
  a descriptor. It is handed over through ``Host.interrupt``.
"""

from __future__ import annotations

import enum
import math
import numbers
import threading
import time
from collections.abc import Callable
from contextvars import Context
from typing import ParamSpec, TypeVar

from triloop.protocol import Cancellable, Guest, Host

__all__ = ["LONGEST_TIMER", "MAX_ROUNDS", "TURN_BUDGET", "Embedding", "State", "check_turn_budget"]

_T = TypeVar("_T")
_P = ParamSpec("_P")

#: Rounds a guest may take in one turn while it has work ready: short ones, which cost hardly more
#: than a pass of the host's.
MAX_ROUNDS = 64
#: Seconds after which a turn starts no further round, unless the application sets another budget.
#: The host's own I/O waits that long, plus one round: a guest that always has work delays it no
#: more than one more callback of the host's would.
TURN_BUDGET = 0.0005
#: Seconds by which the armed timer may be late before it is armed again: two clocks that are read
#: one after the other never agree to the microsecond.
SLACK = 0.0002
#: The longest timer that a host is asked for, in seconds: a day. GUI loops count milliseconds in an
#: int, and fail after 24 days. What is due later is looked at again then.
LONGEST_TIMER = 86400.0


class State(enum.Enum):
    """Where an embedding stands; see the table above."""

    DETACHED = "detached"
    IDLE = "idle"
    TURNING = "turning"


class Embedding:
    """A guest loop inside a host loop.

    All methods belong to the host's thread, save :meth:`wake`.

    Args:
        host: The loop that owns the thread.
        guest: The loop that runs in it.
        clock: Gives monotonic seconds; bounds a turn.
        max_rounds: How often a guest with work ready is turned before the host polls again.
        turn_budget: No further round begins once a turn has taken this long, in seconds.
    """

    def __init__(
        self,
        host: Host,
        guest: Guest,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_rounds: int = MAX_ROUNDS,
        turn_budget: float = TURN_BUDGET,
    ) -> None:
        self.host = host
        self.guest = guest
        self.turning = False
        self._turn = guest.turn
        self._deadline = guest.deadline
        self._suspend = guest.suspend
        self._leaves_look = False
        self._clock = clock
        self._further_rounds = range(1, max_rounds)
        self._turn_budget = turn_budget
        self._attached = False
        #: The host's thread, by its identity; 0 before the first attach.
        self.thread = 0
        self._watch: Cancellable | None = None
        self._soon: Cancellable | None = None
        self._timer: Cancellable | None = None
        self._timer_at = 0.0

    @property
    def state(self) -> State:
        """The row of the table in force."""
        if not self._attached:
            return State.DETACHED
        return State.TURNING if self.turning else State.IDLE

    def attach(self) -> None:
        """Begin to run the guest in the host; work that is ready gets its turn soon.

        If the host raises because it cannot watch the guest's descriptor, the guest stays detached.

        Raises:
            RuntimeError: The guest is attached already.
            Exception: Whatever the host raises.
        """
        if self._attached:
            raise RuntimeError("this guest is attached already: detach it first")
        self._watch_guest()
        self._leaves_look = self._suspend is not None and self.host.nests
        self.thread = threading.get_ident()
        self._attached = True
        self._soon = _ask(self.host.call_soon, self._look)

    def detach(self) -> None:
        """Stop running the guest; the host keeps nothing of it. Idempotent.

        Allowed within a turn: that turn's round is the last one.
        """
        self._attached = False
        for held in (self._watch, self._soon, self._timer):
            if held is not None:
                held.cancel()
        self._watch = self._soon = self._timer = None

    def wake(self) -> None:
        """Tell the embedding that work was scheduled on the guest.

        May be called from any thread. Repeated calls cost little.
        """
        if not self._attached:
            return
        if threading.get_ident() != self.thread:
            _ask(self.host.call_soon_threadsafe, self._woken)
        elif self._soon is None and not self.turning:
            self._soon = _ask(self.host.call_soon, self._look)

    def _woken(self) -> None:
        """Deliver, in the host's thread, a wake of another thread."""
        if self._attached:
            self._turn_or_arm()

    def _look(self) -> None:
        self._soon = None
        self._turn_or_arm()

    def _expired(self) -> None:
        self._timer = None
        self._turn_or_arm()

    def _turn_or_arm(self) -> None:
        """Turn the guest if it has work ready. A timer that came early is armed again."""
        if self.turning and not self._suspended():
            return  # the turn looks at its end
        delay = self._deadline()
        if delay == 0:
            self._ready()
        else:
            self._arm(delay)

    def _ready(self) -> None:
        """Give the guest one bounded turn, or note that it is owed one."""
        if self.turning and not self._suspended():
            self._drop_watch()
            return
        self.turning = True
        if self._leaves_look and self._soon is None:
            self._soon = _ask(self.host.call_soon, self._look)
        turn, clock = self._turn, self._clock
        try:
            end = clock() + self._turn_budget
            delay = turn()
            if delay == 0:
                delay = self._repeat(end)
        except BaseException as reason:  # noqa: BLE001 - handed over to the host
            # The guest's state is not known here; the look that is due asks for its deadline.
            self._end_turn(0)
            self.host.interrupt(reason)
        else:
            self._end_turn(delay)

    def _repeat(self, end: float) -> float | None:
        """Take further rounds while the guest has work ready; return its deadline."""
        turn, clock = self._turn, self._clock
        for _ in self._further_rounds:
            if not self.turning or not self._attached or clock() >= end:
                break
            delay = turn()
            if delay != 0:
                return delay
        return 0

    def _suspended(self) -> bool:
        """Suspend the turn for the nested loop that calls; False where the guest cannot do that.

        The watch is replaced: GUI loops do not call a watch again whose callback has not returned.
        """
        if self._suspend is None:
            return False
        self.turning = False
        self._suspend()
        self._drop_watch()
        self._watch_guest()
        return True

    def _watch_guest(self) -> None:
        self._watch = _ask(self.host.watch, self.guest.fileno(), self._ready)

    def _drop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _end_turn(self, delay: float | None) -> None:
        self.turning = False
        if not self._attached:
            return
        if self._watch is None:
            self._watch_guest()
        if delay is not None or self._timer is not None:
            self._arm(delay)

    def _arm(self, delay: float | None) -> None:
        """Ask the host for the guest's next turn: a call soon, a timer, or nothing.

        A timer that is armed for earlier is kept: it costs one early call, where arming again
        would cost a request to the host in every turn.
        """
        if delay == 0:
            if self._soon is None:
                self._soon = _ask(self.host.call_soon, self._look)
        elif delay is not None:
            self._arm_timer(delay)
        elif self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm_timer(self, delay: float) -> None:
        at = self._clock() + delay
        if self._timer is not None:
            if self._timer_at <= at + SLACK:
                return
            self._timer.cancel()
        self._timer = _ask(self.host.call_later, min(delay, LONGEST_TIMER), self._expired)
        self._timer_at = at


def check_turn_budget(seconds: float) -> float:
    """Check what an application has given as the budget of a turn, and return it.

    Raises:
        TypeError: It is not a number.
        ValueError: It is negative, or not finite.
    """
    example = f"give seconds, such as {TURN_BUDGET} for half a millisecond"
    if not isinstance(seconds, numbers.Real):
        raise TypeError(f"turn_budget needs a number; got {seconds!r}: {example}")
    if not 0 <= seconds < math.inf:
        raise ValueError(
            f"turn_budget cannot be negative, infinite or NaN; got {seconds!r}: {example}, or 0 "
            "for one round a turn"
        )
    return seconds


def _ask(request: Callable[_P, _T], *args: _P.args, **kw: _P.kwargs) -> _T:
    """Call a method of the host in a new context.

    One context for all calls would not do: it cannot be entered again before it is left, and a
    signal handler or another thread may need that.
    """
    return Context().run(request, *args, **kw)
