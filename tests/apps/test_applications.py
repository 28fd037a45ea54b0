"""Well-known applications, each with a client of its own, on each host where it makes sense.

A lane of its own, ``make test-apps``, which installs the wheel, the applications and their servers.
With ``TRILOOP_APPS_TABLE=FILE`` the results are written there as the table of the documentation.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.apps.table import APPLICATIONS, Application, write

ROOT = Path(__file__).parents[2]
PATIENCE = 100.0  # seconds

CASES = [
    pytest.param(application, host, id=f"{application.program}-{host}")
    for application in APPLICATIONS
    for host in application.hosts
]


@pytest.fixture(scope="module")
def passed() -> set[tuple[str, str]]:
    """What has passed so far, by program and host."""
    return set()


@pytest.mark.timeout(PATIENCE + 10)
@pytest.mark.parametrize(("application", "host"), CASES)
def test_application(application: Application, host: str, passed: set[tuple[str, str]]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", f"tests.apps.programs.{application.program}", host],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, "done" in ended.stdout.splitlines()) == (0, True), (
        ended.stdout + ended.stderr
    )
    passed.add((application.program, host))


def test_table(passed: set[tuple[str, str]]) -> None:
    """The last test: all rows have passed, and the table is made of them."""
    path = os.environ.get("TRILOOP_APPS_TABLE")
    if path is None:
        pytest.skip("make apps-docs writes the table")
    wanted = {(one.program, host) for one in APPLICATIONS for host in one.hosts}
    assert passed == wanted
    write(Path(path), passed)


def test_each_program_has_a_row() -> None:
    programs = {path.stem for path in (Path(__file__).parent / "programs").glob("*.py")}
    assert programs == {application.program for application in APPLICATIONS}
