"""What is missed has a reason, and a profile that counts what a request is made of."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import pages, profile, targets
from benchmarks.jobs import ASYNCIO, JOBS, LOOP_EPOLL, LOOP_SELECT, Point
from benchmarks.reasons import REASONS
from benchmarks.results import Key, Results, Sample

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "docs/_static/benchmarks"
ONE = Point(1, 1024)
MACHINE = dict.fromkeys(("date", "cpu", "system", "python"), "")


def beside(ours: float) -> Results:
    """An echo with one connection; natively it costs 10."""
    results = Results(MACHINE, 1.0)
    for contender, cpu in ((ASYNCIO, 10.0), (LOOP_EPOLL, ours), (LOOP_SELECT, 10.0)):
        results.add(Key("asyncio-echo", contender, ONE), Sample(cpu, 1.0, 1.0))
    return results


@pytest.mark.parametrize(("ours", "explained"), [(12.0, True), (20.0, False)])
def test_what_is_missed_has_a_reason_or_says_that_it_has_none(ours: float, explained: bool) -> None:
    page = pages.page(beside(ours), [])
    (row,) = [
        line for line in page.splitlines() if line.startswith("| asyncio-echo") and "%" in line
    ]
    assert row.endswith(" 1 |") == explained
    assert row.endswith(f" {pages.UNEXPLAINED} |") != explained
    assert ("\n1. *One connection.*" in page) == explained


@pytest.mark.parametrize("name", ["results.md", "applications.md", "workers.md"])
def test_the_page_has_a_reason_for_each_miss(name: str) -> None:
    """Add to benchmarks/reasons.py, then `make bench-pages`."""
    assert pages.UNEXPLAINED not in (TABLES / name).read_text("utf-8")


def test_every_reason_is_for_some_target() -> None:
    barely = [
        targets.Verdict(target, *((target.bar, 1.0) if target.at_most else (1.0, target.bar)))
        for target in targets.TARGETS
    ]
    for reason in REASONS:
        assert any(reason.explains(verdict) for verdict in barely), reason


def test_what_missed_is_profiled_beside_its_native_loop() -> None:
    assert profile.missed(JOBS, beside(10.0)) == []
    (job,) = profile.missed(JOBS, beside(12.0))
    assert (job.name, job.points, job.contenders) == ("asyncio-echo", (ONE,), (ASYNCIO, LOOP_EPOLL))


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_profile_counts_each_request(tmp_path: Path) -> None:
    written = tmp_path / "profiles.md"
    selected = ("asyncio-echo", "twisted-udp", "twisted-web", "wait-for")
    command = [
        *(sys.executable, "-m", "benchmarks.profile", "--jobs", *selected),
        *("--contenders", "EPollReactor", LOOP_EPOLL, "--connections", "1", "--size", "1024"),
        *("--seconds", "0.05", "--markdown", str(written)),
    ]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    _, *tables = written.read_text().strip().split("\n\n")
    echo, datagrams, web, work = map(figures, tables)
    assert echo["asyncio-echo (1 connection, 1 KiB)"] == [ASYNCIO, LOOP_EPOLL]
    for once in ("sendto", "recvfrom"):
        assert [float(one) for one in echo[f"`{once}`"]] == pytest.approx([1, 1], abs=0.1)
    assert float(datagrams["`sendto`"][0]) == pytest.approx(1, abs=0.1)
    assert float(web["`sendto`"][0]) == pytest.approx(1, abs=0.1)
    for found in (echo, datagrams, web, work):
        assert "**page faults**" in found
        assert all(float(one.replace(",", "")) > 50 for one in found["**interpreter steps**"])
    (native, ours) = work["`asyncio_in_twisted/loop: ReactorEventLoop.call_soon`"]
    assert float(native) == 0
    assert float(ours) > 50


def test_a_profile_names_what_differs_before_what_is_frequent() -> None:
    alike = {f"alike {number}": 1000 * number for number in range(1, 20)}
    results = Results(MACHINE, 1.0)
    profiles = {
        ASYNCIO: profile.Profile(10, 10, {"recv": 10, "send": 10}, {**alike, "theirs": 50}),
        LOOP_EPOLL: profile.Profile(20, 10, {"recv": 20}, {one: 2 * alike[one] for one in alike}),
    }
    (job,) = (one for one in JOBS if one.name == "asyncio-echo")
    found = figures(profile.page([(job, ONE, profiles)], results).split("\n\n")[1])
    assert found["`recv`"] == ["1.00", "1.00"]
    assert found["`send`"] == ["1.00", "0.00"]
    assert found["**page faults**"] == ["1.00", "0.50"]
    assert found["`theirs`"] == ["5.00", "0.00"]
    assert found["`alike 19`"] == ["1,900", "1,900"]
    assert "`alike 10`" not in found


def figures(table: str) -> dict[str, list[str]]:
    """The rows of a table, by their first cell."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {row[0]: row[1:] for row in rows}
