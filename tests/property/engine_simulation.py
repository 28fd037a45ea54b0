"""The engine alone in a simulated process, in random orders of events.

A *schedule* is made from a seed: a host, a guest, and an order of events. An event happens between
two passes of the host, in a turn of the guest, in a loop nested in that turn, or in a turn within
the nested loop, wherever the one before has led to. The invariants are checked after each event.

``make simulate`` plays a million of them. ``python -m tests.property.engine_simulation --seed N
--schedules 1 --verbose`` plays the one of a seed again, event by event.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from tests.unit.fakes import FakeClock, FakeGuest, FakeHost
from triloop.embedding import SLACK, TURN_BUDGET, Embedding

if TYPE_CHECKING:
    from collections.abc import Callable

#: More passes than the events of any schedule can take.
BUSY = 500
EVENTS = ("readable", "timer", "wake", "thread", "nested", "stop", "detach", "interrupt")
#: Seconds that pass before an event, and that timers take.
DELAYS = (0.0, 0.0, 0.0001, 0.001, TURN_BUDGET, 0.3)


class Interrupted(BaseException):
    """Stands for KeyboardInterrupt and all other exceptions that leave a turn."""


class Simulation:
    """One schedule.

    Args:
        seed: What it is made from.
        tell: Called with each event as it happens.
    """

    def __init__(self, seed: int, tell: Callable[[str], object] | None = None) -> None:
        self.random = Random(seed)
        self.tell = tell
        self.clock = FakeClock()
        raises, host_nests, guest_nests, recurses = self.random.choices((True, False), k=4)
        self.host = FakeHost(self.clock, raises=raises, nests=host_nests, recurses=recurses)
        self.guest = FakeGuest(self.clock, nests=guest_nests)
        self.goes_on_nested = host_nests and guest_nests
        self.max_rounds = self.random.choice((1, 2, 16))
        self.embedding = Embedding(self.host, self.guest, self.clock, max_rounds=self.max_rounds)
        self.guest.embedding = self.embedding
        self.guest.before_turn = self._check_budget
        self.host.readable = self.guest.is_readable
        self.host.before_call = self._begin_callback
        order = [*EVENTS, *self.random.choices(EVENTS, k=4)]
        self.random.shuffle(order)
        self.order = deque(order)
        self.attached = False
        #: Where the present event happens, the innermost last; empty between passes.
        self.inside: list[str] = []
        self.owed = self.ran = self.rounds = 0
        self.raised: list[BaseException] = []

    def play(self) -> None:
        """Let all events happen, then check that nothing was lost."""
        self._say("attach")
        self._attach()
        while self.order:
            self._happen()
            if self.random.random() < 0.7:
                backwards = self.random.random() < 0.5
                self._say("a pass, backwards" if backwards else "a pass")
                self._run(partial(self.host.run_pass, backwards=backwards))
                self._check()
        self._finish()

    # What happens

    def _happen(self) -> None:
        self.clock.now += self.random.choice(DELAYS)
        event = self.order.popleft()
        self._say(event)
        getattr(self, f"_{event}")()
        if not self.inside:
            self._check()

    def _some(self) -> None:
        """Let the next events happen here, in the middle of a callback."""
        for _ in range(self.random.choice((0, 1, 1, 2, 4))):
            if self.order:
                self._happen()

    def _work(self) -> Callable[[], None]:
        """A piece of the guest's work, which has to run once."""
        self.owed += 1

        def work() -> None:
            self.ran += 1
            self._within("turn", self._some)

        return work

    def _within(self, place: str, call: Callable[[], object]) -> None:
        self.inside.append(place)
        try:
            call()
        finally:
            self.inside.pop()

    def _readable(self) -> None:
        self.guest.receive(self._work())

    def _timer(self) -> None:
        self.guest.call_later(self.random.choice(DELAYS[2:]), self._work())

    def _wake(self) -> None:
        self.guest.schedule(self._work())

    def _thread(self) -> None:
        _thread.submit(self.guest.schedule, self._work()).result()

    def _stop(self) -> None:
        self.host.stopped = True

    def _detach(self) -> None:
        """Detach; or attach, if it is detached; or both."""
        was = self.attached
        if was:
            self.attached = False
            self.embedding.detach()
        if not was or self.random.random() < 0.5:
            self._attach()

    def _attach(self) -> None:
        self.attached = True
        self.embedding.attach()

    def _interrupt(self) -> None:
        """Raise in a turn; elsewhere, have a turn raise."""
        if self.inside and self.inside[-1] == "turn":
            self._raise()
        else:
            self.owed += 1
            self.guest.schedule(self._interrupting_work)

    def _interrupting_work(self) -> None:
        self.ran += 1
        self._raise()

    def _raise(self) -> None:
        self.raised.append(Interrupted(len(self.raised)))
        raise self.raised[-1]

    def _nested(self) -> None:
        """Open a dialog, let events happen in it, and close it when there is nothing to do."""
        self.host.add_own(lambda: self._within("dialog", self._some))
        self._within("nested loop", self._nest)

    def _nest(self) -> None:
        in_turn = self.guest.in_turn
        try:
            self.host.run_until_idle(BUSY)
        except Interrupted:
            assert self.host.raises, "a reason escaped into a host that keeps them"
            return  # what the loop is nested in goes on
        if not self.host.stopped and self.attached and (self.goes_on_nested or not in_turn):
            self._check_at_rest()

    def _run(self, run: Callable[[], object]) -> None:
        self.host.stopped = False
        try:
            run()
        except Interrupted:
            assert self.host.raises, "a reason escaped into a host that keeps them"

    # What must hold

    def _begin_callback(self) -> None:
        if not self.embedding.turning or self.guest.suspend is not None:
            self.rounds = 0

    def _check_budget(self) -> None:
        self.rounds += 1
        assert self.rounds <= self.max_rounds, "a turn beyond its rounds starves the host"

    def _check(self) -> None:
        """Between two passes the host holds the requests for the guest's next turn only."""
        host = self.host
        assert host.reasons == self.raised, "each reason leaves once, in order"
        assert len(host.armed()) <= 1, "more than one timer"
        assert len(host.pending()) <= 1, "wakes that were not coalesced"
        assert not self.embedding.turning
        if not self.attached:
            assert host.holds_nothing()
            return
        assert len(host.watching()) == 1, "the guest's I/O goes unseen"
        delay = self.guest.deadline()
        if delay is not None and not host.pending() and not host.called_from_threads():
            assert host.next_timer() <= self.clock() + delay + SLACK, "a lost wake-up"

    def _check_at_rest(self) -> None:
        """Check that the host would sleep, and that the guest has nothing to do until its timer."""
        left = [*self.guest.ready, *self.guest.batch, *self.guest.io]
        assert not left, "work that is left"
        due = self.guest.deadline()
        assert due is None or self.host.next_timer() <= self.clock() + due + SLACK, "a lost timer"

    def _finish(self) -> None:
        """Check that all work of the guest runs once, and nothing wakes the host after that."""
        self._say("the end")
        for _ in range(BUSY):
            if not self.attached:
                self._attach()
            self._run(lambda: self.host.run_until_idle(BUSY))
            self._check()
            if self.host.is_idle() and self.attached:
                self._check_at_rest()
                if not self.host.armed():
                    break
                self.clock.now = max(self.clock.now, self.host.next_timer())
        assert self.ran == self.owed, "work was lost, or ran twice"
        assert self.guest.deadline() is None
        self.embedding.detach()
        assert self.host.holds_nothing()

    def _say(self, event: str) -> None:
        if self.tell is not None:
            self.tell("  " * len(self.inside) + event)


#: Where the wakes of another thread come from.
_thread = ThreadPoolExecutor(1)


def play(seed: int) -> None:
    """Play the schedule of a seed.

    Raises:
        AssertionError: Something did not hold; the message tells how to play it again.
    """
    try:
        Simulation(seed).play()
    except BaseException as problem:
        again = f"python -m tests.property.engine_simulation --seed {seed} --schedules 1 --verbose"
        raise AssertionError(f"schedule {seed}: {problem}; again: {again}") from problem


def main() -> None:
    """Play as many schedules as are asked for, from a seed on; the first that fails ends it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, help="the first one; by default a random one")
    options.add_argument("--schedules", type=int, default=1_000_000)
    options.add_argument("--verbose", action="store_true", help="tell each event")
    chosen = options.parse_args()
    first = secrets.randbits(32) if chosen.seed is None else chosen.seed
    tell("schedules %d to %d", first, first + chosen.schedules - 1)
    began = time.monotonic()
    for seed in range(first, first + chosen.schedules):
        if chosen.verbose:
            Simulation(seed, tell).play()
        else:
            play(seed)
    tell("%d schedules in %.0f s: all held", chosen.schedules, time.monotonic() - began)


def tell(line: str, *args: object) -> None:
    """Write a line."""
    sys.stdout.write(line % args + "\n" if args else line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
