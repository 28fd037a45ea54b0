"""Twisted's own tests have the same outcomes with await_anything() and without."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).with_name("trial_runner.py")
ROOT = Path(__file__).parents[2]
# Twisted 24.10 has a test that later versions have merged into another.
MODULES = [
    module
    for module in (
        "twisted.test.test_defer",
        "twisted.test.test_defgen",
        "twisted.test.test_task",
        "twisted.test.test_cooperator",
        "twisted.internet.test.test_defer_await",
        "twisted.internet.test.test_defer_yieldfrom",
        "twisted.internet.test.test_inlinecb",
        "twisted.web.test.test_flatten",
    )
    if importlib.util.find_spec(module)
]


def failing(switch: str, modules: list[str], folder: Path) -> tuple[str, set[str]]:
    """How many tests ran, and which failed."""
    ran = subprocess.run(
        [sys.executable, RUNNER, switch, *modules],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    count = re.search(r"^Ran \d+ tests", ran.stdout, re.MULTILINE)
    assert count is not None, ran.stdout + ran.stderr
    return count[0], set(re.findall(r"^twisted\.\S+\.test_\w+$", ran.stdout, re.MULTILINE)) - set(
        modules
    )


def test_twisteds_own_tests_pass_with_await_anything(tmp_path: Path) -> None:
    count, failed = failing("on", MODULES, tmp_path)
    assert not failed
    assert count != "Ran 0 tests"


if "TRILOOP_AWAIT_TRIAL" in os.environ:  # it takes half a minute: `make test-await` asks for it

    @pytest.mark.timeout(700)
    def test_trials_own_tests_have_the_same_failures(tmp_path: Path) -> None:
        without = failing("off", ["twisted.trial"], tmp_path)
        assert failing("on", ["twisted.trial"], tmp_path) == without
