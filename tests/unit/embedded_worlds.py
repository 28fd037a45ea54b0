"""A fake guest in a fake host, on a fake clock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.unit.fakes import FakeClock, FakeGuest, FakeHost
from triloop.embedding import MAX_ROUNDS, Embedding

if TYPE_CHECKING:
    from collections.abc import Callable


class World:
    """A guest in a host; ``ran`` lists the work of both in the order in which it ran."""

    def __init__(self, *, raises: bool = False, max_rounds: int = MAX_ROUNDS) -> None:
        self.clock = FakeClock()
        self.host = FakeHost(self.clock, raises=raises)
        self.guest = FakeGuest(self.clock)
        self.host.readable = self.guest.is_readable
        self.embedding = Embedding(self.host, self.guest, self.clock, max_rounds=max_rounds)
        self.guest.embedding = self.embedding
        self.ran: list[str] = []

    def note(self, name: str) -> Callable[[], None]:
        return lambda: self.ran.append(name)

    def settle(self) -> World:
        self.host.run_until_idle(limit=5)
        return self


def from_another_thread(function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def schedule_for_ever(world: World, seconds: float = 0.0) -> None:
    """Give the guest work that takes ``seconds`` and schedules itself again."""

    def work() -> None:
        world.clock.advance(seconds)
        world.ran.append("work")
        world.guest.schedule(work)

    world.guest.schedule(work)
