"""Each check in each host, in a process of its own.

A lane of its own, ``make test-hosts``, which installs the hosts first and has a screen for their
windows. With ``TRILOOP_HOSTS_TABLE=FILE`` the results are written there as the table of the
documentation.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.hosts.cell import PATIENCE
from tests.hosts.checks import CHECKS
from tests.hosts.conftest import Results
from tests.hosts.contract import CONTRACT_HOSTS
from tests.hosts.hosts import HOSTS
from tests.hosts.table import NOTES, write

ROOT = Path(__file__).parents[2]
#: What GTK says of a machine without a desktop.
NOISE = ("Gtk-WARNING", "GLib-GIO", "dconf")

Cell = tuple[str, str]


def play(cell: Cell) -> subprocess.CompletedProcess[str]:
    """Run one cell in a process, which ends by itself."""
    strict = ("-W", "error", "-W", "ignore::DeprecationWarning")
    return subprocess.run(
        [sys.executable, *strict, "-m", "tests.hosts.cell", *cell],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE + 30,
        check=False,
    )


@pytest.fixture(scope="session")
def cells(
    request: pytest.FixtureRequest,
) -> Iterator[dict[Cell, Future[subprocess.CompletedProcess[str]]]]:
    """The cells that were asked for, some at once: most of their time they wait."""
    wanted = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    pairs = [(params["host"], params["check"]) for params in wanted if "check" in params]
    with ThreadPoolExecutor(4 * (os.cpu_count() or 1)) as pool:
        yield {pair: pool.submit(partial(play, pair)) for pair in pairs}


@pytest.mark.timeout(0)  # each process has its own
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.usefixtures("installed")
def test_host(
    host: str,
    check: str,
    cells: dict[Cell, Future[subprocess.CompletedProcess[str]]],
    results: Results,
) -> None:
    ended = cells[host, check].result()
    said = [
        line for line in ended.stderr.splitlines() if line and not any(n in line for n in NOISE)
    ]
    right = (ended.returncode, ended.stdout, said) == (0, "done\n", [])
    if (host, check) in NOTES:
        assert not right, f"it is right now: {NOTES[host, check]}"
        return
    assert right, f"{ended.returncode}\n{ended.stdout}{ended.stderr}"
    results.cells.add((host, check))


def test_table(results: Results) -> None:
    """The last test: all cells are known, and the table is made of them."""
    path = os.environ.get("TRILOOP_HOSTS_TABLE")
    if path is None:
        pytest.skip("make hosts-docs writes the table")
    assert results.cells | NOTES.keys() == {(host, check) for host in HOSTS for check in CHECKS}
    assert results.contract.keys() == set(CONTRACT_HOSTS)
    write(Path(path), results.cells, results.contract)
