from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from . import suites

Judge = Callable[..., None]
#: A lane of its own, which gets Scrapy's tests first.
collect_ignore = [] if "TRILOOP_SCRAPY" in os.environ else ["test_scrapy_suite.py"]


@pytest.fixture
def native_runs(pytestconfig: pytest.Config) -> suites.NativeRuns:
    cache = pytestconfig.cache
    assert cache is not None
    return suites.NativeRuns(Path(cache.mkdir("native-runs")))


@pytest.fixture
def judge(
    native_runs: suites.NativeRuns, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Judge:
    """Runs a suite, or some of its tests, on one kind of ours; fails where native does better."""

    def run_and_compare(suite: str, kind: str, *tests: str) -> None:
        native = native_runs.of(suite, *tests)
        ours = suites.run(suite, kind, tmp_path, *tests)
        excepted = suites.exceptions(suite, kind)
        again = suites.short_of(native, ours, excepted)
        if again and ours.complete:
            folder = tmp_path / "again"
            folder.mkdir()
            ours = suites.repeated(suite, kind, folder, ours, again)
        here = " ".join([f"Python {platform.python_version()}, {suite} on {kind}", *tests])
        counts = f"{here}: {ours.summary()}; native: {native.summary()}"
        if again:
            counts += f"; run again by themselves: {', '.join(again)}"
        with capfd.disabled():
            print(f"\n{counts}", file=sys.stderr)  # noqa: T201 - the counts are what one asks for
        found = suites.differences(native, ours, excepted)
        assert not found, "\n\n".join([counts, *found])

    return run_and_compare
