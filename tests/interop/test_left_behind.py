"""A process exits by itself, whatever state its reactors and loops are in."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.scripts import PATIENCE, start_script
from triloop.lifecycle.exit import EXIT_SECONDS

#: The programs, and the state in which each leaves its reactor.
LEFT = {
    "guest_resting": "resting",
    "guest_due": "due",
    "guest_running": "running",
    "guest_stopping": "stopping",
    "guest_winding_down": "winding down",
    "guest_shutting_down": "shutting down",
    "guest_crashed": "crashed",
    "guest_ended": "ended",
    "guest_half_started": "running",
    "guest_in_a_closed_loop": "running",
    "guest_in_a_visited_loop_that_is_closed": "running",
    "guest_interrupted_in_a_nested_run": "running",
    "guest_interrupted_in_reactor_run": "running",
    "host_resting": "resting",
    "host_crashed": "crashed",
    "host_with_a_closed_loop": "crashed",
    "host_whose_loop_is_closed": "crashed",
    "host_shut_down_by_hand": "crashed",
}
#: The programs with something that never ends, and the message about it.
STUCK = {
    "guest_with_a_stubborn_task": ("running", "stubborn"),
    "guest_winding_down_a_stubborn_task": ("winding down", "stubborn"),
    "guest_with_a_stuck_trigger": ("running", "Visit.shut_down"),
    "guest_with_a_stuck_thread": ("running", "thread pool"),
    "guest_crashed_with_a_stuck_thread": ("crashed", "thread pool"),
    "host_ended": ("ended", "stubborn"),
    "host_with_a_stuck_trigger": ("crashed", "shutdown triggers"),
    "host_with_a_stuck_thread": ("crashed", "thread pool"),
}

Ended = dict[str, tuple[int, str, str]]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Run all programs at once: status, output and stderr of each that has ended in time."""
    folder = tmp_path_factory.mktemp("left")
    process = start_script("left_behind_script", str(folder), *LEFT, *STUCK, strict=False)
    try:
        said, complaints = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired as late:
        said, complaints = (late.stdout or b"").decode(), ""
    finally:
        process.kill()
    assert not complaints
    statuses = dict(line.split() for line in said.splitlines())
    return {
        name: (
            int(status),
            (folder / f"{name}.out").read_text(encoding="utf-8"),
            (folder / f"{name}.err").read_text(encoding="utf-8"),
        )
        for name, status in statuses.items()
    }


@pytest.mark.parametrize("program", LEFT)
def test_processes_end_without_a_word(ended: Ended, program: str) -> None:
    assert ended[program] == (0, f"{LEFT[program]}\n", "")


@pytest.mark.parametrize("program", STUCK)
def test_what_does_not_end_is_named_and_not_waited_for(ended: Ended, program: str) -> None:
    status, said, complaints = ended[program]
    state, part = STUCK[program]
    assert (status, said) == (0, f"{state}\n"), complaints
    given_up = [line for line in complaints.splitlines() if line.startswith("triloop: gave up on")]
    assert any(part in line for line in given_up), complaints
    assert f"{EXIT_SECONDS:g} seconds" in given_up[0]


@pytest.mark.skipif(sys.platform != "linux", reason="the child is found in /proc")
def test_sigterm_ends_what_waits_at_exit(tmp_path: Path) -> None:
    name = "guest_with_a_stubborn_task"
    process = start_script("left_behind_script", str(tmp_path), name, strict=False)
    try:
        child = int(_eventually(lambda: _children(process.pid)))
        _eventually(lambda: (tmp_path / f"{name}.out").read_text(encoding="utf-8"))
        time.sleep(0.5)  # it is exiting, and waits there
        os.kill(child, signal.SIGTERM)
        said, _ = process.communicate(timeout=PATIENCE)
        assert said == f"{name} {-signal.SIGTERM}\n"
    finally:
        process.kill()


def _children(parent: int) -> str:
    return Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8").strip()


def _eventually(look: Callable[[], str]) -> str:
    for _ in range(int(PATIENCE / 0.05)):
        with contextlib.suppress(FileNotFoundError):
            if found := look():
                return found
        time.sleep(0.05)
    raise AssertionError("it has not come to that")
