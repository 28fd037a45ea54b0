"""With await_anything(), a coroutine that Twisted starts can use asyncio's libraries."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATHS = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
SCRIPT = "await_script.py"
FRAMEWORKS = "await_frameworks_script.py"
RUNNER = """
import triloop
triloop.install()
triloop.await_anything()
import sys
sys.path.insert(0, "")
from twisted.scripts.trial import run
run()
"""
TESTS = """
import asyncio
from twisted.internet.defer import inlineCallbacks
from twisted.trial.unittest import TestCase

class Tests(TestCase):
    async def setUp(self):
        await asyncio.sleep(0.001)

    async def test_coroutine(self):
        self.assertEqual(await asyncio.wait_for(asyncio.sleep(0.001, 3), 10), 3)

    @inlineCallbacks
    def test_generator(self):
        self.assertEqual((yield asyncio.sleep(0.001, 3)), 3)
"""


def run_script(name: str, host: str) -> tuple[int, str]:
    """Its exit status, and what it complained of."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", Path(__file__).with_name(name), host],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *PATHS])},
    )
    return ran.returncode, ran.stderr


hosts = pytest.mark.parametrize("host", ["asyncio", "uvloop", "epoll"])


@hosts
def test_react_runs_what_asyncios_libraries_have(host: str) -> None:
    assert run_script(SCRIPT, host) == (7, "")


@hosts
def test_handlers_of_frameworks_await_what_the_others_have(host: str) -> None:
    assert run_script(FRAMEWORKS, host) == (7, "")


def test_trial_runs_asyncios_coroutines(tmp_path: Path) -> None:
    (tmp_path / "runner.py").write_text(RUNNER)
    (tmp_path / "test_in_trial.py").write_text(TESTS)
    ran = subprocess.run(
        [sys.executable, "runner.py", "test_in_trial"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "successes=2" in ran.stdout
