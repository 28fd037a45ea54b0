"""The comparison of the upstream suites finds failures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from . import suites
from .suites import Record, differences


def record(complete: bool = True, **outcomes: str) -> Record:
    return Record({name: (outcome, "") for name, outcome in outcomes.items()}, complete)


def test_what_passes_or_does_as_the_native_one_is_fine() -> None:
    native = record(a="passed", b="skipped", c="failed", d="failed")
    assert not differences(native, record(a="passed", b="skipped", c="failed", d="passed"), {})


def test_each_shortfall_is_reported() -> None:
    native = record(a="passed", b="passed", c="passed", d="skipped")
    ours = record(a="failed", b="skipped", d="failed", e="failed")
    found = differences(native, ours, {})
    assert sorted(text.splitlines()[0] for text in found) == [
        "a: failed (native: passed)",
        "b: skipped (native: passed)",
        "c: missing (native: passed)",
        "d: failed (native: skipped)",
        "e: failed (native: missing)",
    ]


def test_an_exception_excuses_its_test_until_that_passes() -> None:
    native = record(a="passed")
    assert not differences(native, record(a="failed"), {"a": "why"})
    assert len(differences(native, record(a="passed"), {"a": "why"})) == 1


def test_an_incomplete_run_is_a_failure() -> None:
    assert len(differences(record(a="passed"), record(complete=False, a="passed"), {})) == 1


def test_every_exception_has_a_reason() -> None:
    for path in suites.HERE.glob("*_exceptions.txt"):
        for line in path.read_text("utf-8").splitlines():
            assert line.startswith("#") or all(map(str.strip, line.split("|", 2)[:3])), line


def test_a_reactor_that_cannot_be_made_fails_its_tests(tmp_path: Path) -> None:
    ours = suites.run("reactorbuilder", "broken", tmp_path, "test_core")
    assert ours.complete
    assert ours.outcomes
    for name, (outcome, detail) in ours.outcomes.items():
        assert (outcome, "cannot be made" in detail) == ("failed", True), name


def test_only_what_fails_without_a_reason_is_run_again() -> None:
    native = record(a="passed", b="passed", c="failed", d="passed", e="skipped")
    ours = record(a="failed", b="skipped", c="failed", d="failed", e="failed")
    assert suites.short_of(native, ours, {"d": "why"}) == ["a"]


@pytest.mark.parametrize(("reactor", "outcome"), [("asyncio", "passed"), ("broken", "failed")])
def test_a_repeated_failure_counts(reactor: str, outcome: str, tmp_path: Path) -> None:
    name = (
        "twisted.internet.test.test_core.SystemEventTestsBuilder_ReactorTests"
        ".test_stopWhenNotStarted"
    )
    first = Record({name: ("failed", ""), "other": ("passed", "")}, complete=True)
    second = suites.repeated("reactorbuilder", reactor, tmp_path, first, [name])
    assert {name: kind for name, (kind, _) in second.outcomes.items()} == {
        name: outcome,
        "other": "passed",
    }


HANGING = """
import sys, time, unittest
from pathlib import Path
from {package} import recording

class Case(unittest.TestCase):
    def test_before(self): pass
    def test_hangs(self): time.sleep(60)

recording.TEST_SECONDS = 0.2
suite = unittest.defaultTestLoader.loadTestsFromTestCase(Case)
recording.RecordingRunner(Path(sys.argv[1])).run(suite)
"""


def test_a_test_that_hangs_is_named_with_its_stack(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    ended = subprocess.run(
        [sys.executable, "-c", HANGING.format(package=suites.__package__), path],
        check=False,
        capture_output=True,
        env={"PYTHONPATH": str(suites.HERE.parent)},
        timeout=30,
    )
    left = suites.read(path)
    assert not left.complete
    assert left.running == "__main__.Case.test_hangs"
    assert left.outcomes == {"__main__.Case.test_before": ("passed", "")}
    assert b"in test_hangs" in ended.stderr
