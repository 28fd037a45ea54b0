"""Other code saves a signal handler during a loop's run, and puts it back after that."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import asyncio, signal, subprocess, sys
import triloop
from twisted.internet import reactor

async def keep():
    return signal.signal(signal.SIGCHLD, lambda number, frame: None)

loop = triloop.new_event_loop(reactor)
kept = loop.run_until_complete(keep())
loop.close()
signal.signal(signal.SIGCHLD, kept)
subprocess.run([sys.executable, "-c", ""], check=True)
assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL, signal.getsignal(signal.SIGCHLD)
assert signal.set_wakeup_fd(-1) == -1
"""


def test_handler_of_a_closed_loop_does_nothing() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
