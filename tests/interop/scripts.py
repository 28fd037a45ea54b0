"""Runs scripts in processes of their own: they test what exists once in a process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


def start_script(name: str, *args: str, strict: bool = True) -> subprocess.Popen[str]:
    """Start ``tests/interop/NAME.py``; ``strict`` makes warnings errors, in Python's debug mode."""
    options = ["-X", "dev", "-W", "error"] if strict else []
    return subprocess.Popen(
        [sys.executable, *options, "-m", f"tests.interop.{name}", *args],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupt(process: subprocess.Popen[str], presses: int) -> tuple[str, str]:
    """Press Ctrl-C when the script is ready; it has to end at the last press, and not before.

    Returns:
        Its output after "ready", and its stderr.
    """
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == "ready\n", process.communicate()[1]
        for _ in range(presses - 1):
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.25)
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=PATIENCE)
    finally:
        process.kill()


def run_script(name: str, *args: str) -> None:
    """Run a script that checks itself; its status has to be 0, its output empty."""
    process = start_script(name, *args)
    try:
        said, complaints = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert not complaints, complaints
    assert (process.returncode, said) == (0, "")
