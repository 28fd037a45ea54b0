"""Twisted's trial, with some of Twisted's own tests, has the same results as on the native reactor.

Trial runs, crashes and iterates a reactor, shuts it down by hand, and goes on with it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.scripts import PATIENCE

NATIVE = "epoll" if sys.platform == "linux" else "kqueue"
TESTS = [
    "twisted.internet.test.test_core",
    "twisted.test.test_internet.ResolveTests",
    "twisted.test.test_threads",
]


def verdict(reactor: str, folder: Path, options: list[str]) -> tuple[str, int]:
    """The number of tests, and how many of them succeeded; none fails."""
    folder.mkdir()
    ended = subprocess.run(
        [sys.executable, "-m", "twisted.trial", f"--reactor={reactor}", *options, *TESTS],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    ran = re.search(r"^Ran (\d+) tests", ended.stdout, re.MULTILINE)
    assert ran, ended.stderr
    passed = re.match(r"PASSED \(.*successes=(\d+)", ended.stdout.splitlines()[-1])
    assert passed, ended.stdout
    return ran[1], int(passed[1])


@pytest.mark.parametrize("options", [[], ["-j2"]], ids=["alone", "-j2"])
def test_as_with_the_native_reactor(tmp_path: Path, options: list[str]) -> None:
    native_tests, native_successes = verdict(NATIVE, tmp_path / "native", options)
    tests, successes = verdict("triloop", tmp_path / "triloop", options)
    assert tests == native_tests
    # Old Twisted skips AsyncioSelectorReactor's tests where there is no current event loop: so it
    # does on new Pythons, under its own reactor.
    assert successes >= native_successes
