"""System calls that fail, each in turn: a few of those that ``make faults`` goes through."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.interop.scripts import PATIENCE, ROOT


@pytest.mark.sweep
@pytest.mark.skipif(sys.platform != "linux", reason="counts epoll's calls")
def test_faults() -> None:
    # In a process of its own: native reactors leave descriptors open under a fault.
    command = [sys.executable, "-m", "tests.property.faults.sweep", "--few"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=4 * PATIENCE, check=False
    )
    assert (done.returncode, done.stdout) == (0, "0 wrong\n")
