"""Programs in the style of Tornado 5, on ``tornado.platform.twisted``: only the import changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE = 60.0  # seconds
PROGRAMS = Path(__file__).parent / "programs"
SAYS = {
    "twisted_on_tornado": ["Tornado: hello", "Twisted: HELLO"],
    "own_reactor": [
        "the first got ping",
        "the first has stopped",
        "the second got ping",
        "the second has stopped",
    ],
    "tornado_on_twisted": ["Twisted got hello", "Tornado ticked 1 or more times"],
    "coroutines": [
        "a Deferred",
        "[2, 4, None]",
        "[('a', 6)]",
        "raised wrong",
        "the handler wrote 42",
    ],
    "resolver": ["found 127.0.0.1", "read hello"],
}
OLD = "tornado.platform.twisted"


def run(source: str) -> subprocess.CompletedProcess[str]:
    # Tornado and Twisted deprecate parts of what they had then.
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", source]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize("name", SAYS)
def test_program_runs_with_only_the_import_changed(name: str) -> None:
    source = (PROGRAMS / f"{name}.py").read_text("utf-8")
    assert OLD in source
    ended = run(source.replace(OLD, "triloop"))
    assert (ended.returncode, ended.stdout.splitlines()) == (0, SAYS[name]), ended.stderr
    assert ended.stderr == ""


def test_each_program_is_run() -> None:
    assert {path.stem for path in PROGRAMS.glob("*.py")} == set(SAYS)
