"""The project's contract tests on the loop of each host, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.hosts.conftest import Results
from tests.hosts.contract import CONTRACT_HOSTS

ROOT = Path(__file__).parents[2]
#: Seconds for all contract tests of a host.
PATIENCE = 1200.0


def play(host: str, report: Path) -> subprocess.CompletedProcess[str]:
    """Run the contract tests."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", f"--junitxml={report}", "tests/contract"],
        cwd=ROOT,
        env={**os.environ, "TRILOOP_CONTRACT_HOST": host},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture(scope="module")
def contracts(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], tuple[subprocess.CompletedProcess[str], Path]]]:
    """What became of the contract tests of a host; those of two hosts run at once."""
    reports = tmp_path_factory.mktemp("contract")
    begun: dict[str, Future[subprocess.CompletedProcess[str]]] = {}

    def ended(host: str) -> tuple[subprocess.CompletedProcess[str], Path]:
        for ahead in CONTRACT_HOSTS[CONTRACT_HOSTS.index(host) :][:2]:
            if ahead not in begun:
                begun[ahead] = pool.submit(partial(play, ahead, reports / f"{ahead}.xml"))
        return begun[host].result(), reports / f"{host}.xml"

    with ThreadPoolExecutor(2) as pool:
        yield ended


def counted(report: Path) -> tuple[int, int]:
    """How many tests have passed, and how many are exempt."""
    (suite,) = ET.parse(report).getroot().iter("testsuite")
    exempt = [one for one in suite.iter("skipped") if one.attrib["type"] == "pytest.xfail"]
    total, skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
    return total - skipped, len(exempt)


@pytest.mark.timeout(0)  # the process has its own
@pytest.mark.parametrize("host", CONTRACT_HOSTS)
@pytest.mark.usefixtures("installed")
def test_contract(
    host: str,
    contracts: Callable[[str], tuple[subprocess.CompletedProcess[str], Path]],
    results: Results,
) -> None:
    ended, report = contracts(host)
    assert ended.returncode == 0, "\n".join(ended.stdout.splitlines()[-80:])
    results.contract[host] = counted(report)
