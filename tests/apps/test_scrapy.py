"""Scrapy ends at Ctrl-C, pressed once and twice, as it does on Twisted's own reactor on asyncio."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds
NATIVE = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
LOOPS = {"asyncio": "asyncio.SelectorEventLoop", "uvloop": "uvloop.Loop"}
#: The words of Scrapy's log that tell of an end.
TOLD = re.compile(r"\] [A-Z]+: ((?:Received|Closing|Spider closed|Unhandled).*)|(Traceback.*)")


def interrupted(reactor: str, loop: str, times: int) -> tuple[int, list[str], list[str]]:
    """Send SIGINT; give the exit code, the program's output, and what Scrapy tells of its end."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.apps.scrapy_script", reactor, loop],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "asked\n"
        logged = ""
        for time in range(times):
            process.send_signal(signal.SIGINT)
            word = "Closing spider" if time == 0 else "twice"
            while word not in logged:
                line = process.stderr.readline()
                assert line, logged  # it has ended
                logged += line
        output, rest = process.communicate(timeout=PATIENCE)
        return process.returncode, output.splitlines(), TOLD.findall(logged + rest)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("loop", LOOPS)
def test_ctrl_c_ends_it_as_natively(loop: str, times: int) -> None:
    native = interrupted(NATIVE, LOOPS[loop], times)
    assert native[:2] == (0, ["closed: shutdown", "ended"] if times == 1 else ["ended"])
    assert interrupted("triloop.TornadoReactor", LOOPS[loop], times) == native
