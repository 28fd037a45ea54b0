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


def verdict(reactor: str, folder: Path, options: list[str]) -> tuple[str, str]:
    """The number of tests, and their outcomes."""
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
    return ran[1], ended.stdout.splitlines()[-1]


@pytest.mark.parametrize("options", [[], ["-j2"]], ids=["alone", "-j2"])
def test_as_with_the_native_reactor(tmp_path: Path, options: list[str]) -> None:
    native = verdict(NATIVE, tmp_path / "native", options)
    assert native[1].startswith("PASSED")
    assert verdict("triloop", tmp_path / "triloop", options) == native
