"""Tk's mainloop as the owner of the thread: the example, in a window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "hosts" / "on_tk.py"


def test_tk_as_the_host() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    expected = "asyncio slept\nTwisted waited\nTk ends; asyncio's task is done: True\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, expected, "")
