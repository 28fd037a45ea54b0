"""Dialogs of real GUIs, opened from a callback of each kind: what goes on while they are open.

A lane of its own, ``make test-gui``, which installs Qt and GTK first.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.gui.dialogs_script import WORLDS

ROOT = Path(__file__).parents[2]

NO_QT = pytest.mark.skipif(
    sys.version_info >= (3, 15), reason="PySide6-Essentials has no wheel for Python 3.15"
)


@pytest.mark.parametrize(
    "world", [pytest.param(name, marks=[NO_QT] if name.endswith("qt") else []) for name in WORLDS]
)
def test_dialogs(world: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.gui.dialogs_script", world],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
