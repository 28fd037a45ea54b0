"""The examples in examples/testing pass in their own test runners."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "examples/testing"
PATIENCE = 60.0

RUNNERS = {
    "unittest": ["-m", "unittest", "test_with_unittest", "test_with_tornado"],
    "trial": ["-m", "twisted.trial", "--reactor=triloop", "test_with_trial"],
    "pytest": ["-m", "pytest", "-pno:cacheprovider", "-pno:asyncio", "-pno:twisted",
               "--triloop-host=asyncio", "--noconftest",
               "-c", "/dev/null", "test_with_pytest.py"],
}  # fmt: skip
SAYS = {"unittest": "Ran 2 tests", "trial": "successes=2", "pytest": "1 passed"}


@pytest.mark.parametrize("runner", RUNNERS)
def test_recipe_passes(runner: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", *RUNNERS[runner]]
    if runner == "trial":
        command.insert(-1, f"--temp-directory={tmp_path / 'trial'}")
    done = subprocess.run(
        command,
        check=False,
        cwd=RECIPES,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout
    assert SAYS[runner] in done.stdout
