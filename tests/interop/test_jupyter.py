"""The example notebook in a real kernel."""

from __future__ import annotations

import pytest

from tests.interop.scripts import start_script

PATIENCE = 200.0


@pytest.mark.timeout(PATIENCE + 20)
def test_notebook_runs_again_and_again() -> None:
    process = start_script("notebook_script", strict=False)
    try:
        said, complaints = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, said, complaints) == (0, "done\n", "")
