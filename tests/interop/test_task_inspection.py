"""``python -m asyncio ps`` and ``pstree`` show the tasks of a process that mixes the worlds."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.interop.scripts import PATIENCE, start_script

pytestmark = [
    pytest.mark.skipif(sys.version_info < (3, 14), reason="asyncio ps is new in Python 3.14"),
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it takes more than root to look"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into any process"),
]


@pytest.mark.parametrize("direction", ["twisted_in_asyncio", "asyncio_in_twisted"])
def test_tasks_of_both_worlds_are_shown(direction: str) -> None:
    process = start_script("sleeper_script", direction)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
        for command in ("ps", "pstree"):
            shown = subprocess.run(
                [sys.executable, "-m", "asyncio", command, str(process.pid)],
                check=True,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            ).stdout
            assert "asyncio sleeps" in shown
            assert "Twisted waits" in shown
            assert "twisted_waits" in shown, "the stack of the task that waits for a Deferred"
        # The last command was pstree.
        lines = shown.splitlines()
        waits, behind = (
            next(line.index(name) for line in lines if name in line)
            for name in ("waits_for_a_task", "behind_deferreds")
        )
        assert behind > waits, "a Task is shown below the one that waits for its Deferred"
    finally:
        process.kill()
        process.communicate()
