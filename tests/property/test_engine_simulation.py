"""Some schedules of the simulated engine; ``make simulate`` plays a million."""

from __future__ import annotations

from collections import Counter

from tests.property.engine_simulation import EVENTS, Simulation, play

SCHEDULES = 3000


def test_invariants_hold_in_some_schedules() -> None:
    for seed in range(SCHEDULES):
        play(seed)


def test_seed_tells_the_whole_schedule() -> None:
    for seed in range(50):
        first: list[str] = []
        again: list[str] = []
        Simulation(seed, first.append).play()
        Simulation(seed, again.append).play()
        assert first == again


def test_every_event_happens_everywhere() -> None:
    """Between passes, in a turn, in a dialog, and in a turn within a dialog, at least."""
    happened: Counter[tuple[str, int]] = Counter()
    for seed in range(500):
        Simulation(seed, lambda line: happened.update([(line.strip(), line.count("  "))])).play()
    for event in EVENTS:
        assert all(happened[event, depth] for depth in range(5)), event
