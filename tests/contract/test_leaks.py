"""A thousand cycles of make, run and close leave nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.cycles import ADAPTERS

ROOT = Path(__file__).parents[2]
CYCLES = 1000


@pytest.mark.sweep
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_thousand_cycles_leave_nothing(adapter: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.contract.cycles", adapter, str(CYCLES)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {}
