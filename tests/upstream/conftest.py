from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from . import suites

Judge = Callable[[str, str], None]


@pytest.fixture
def native_runs(pytestconfig: pytest.Config) -> suites.NativeRuns:
    cache = pytestconfig.cache
    assert cache is not None
    return suites.NativeRuns(Path(cache.mkdir("native-runs")))


@pytest.fixture
def judge(
    native_runs: suites.NativeRuns, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Judge:
    """Runs a suite on one kind of ours and fails the test where the native loop does better."""

    def run_and_compare(suite: str, kind: str) -> None:
        native = native_runs.of(suite)
        ours = suites.run(suite, kind, tmp_path)
        excepted = suites.exceptions(suite, kind)
        again = suites.short_of(native, ours, excepted)
        if again and ours.complete:
            folder = tmp_path / "again"
            folder.mkdir()
            ours = suites.repeated(suite, kind, folder, ours, again)
        here = f"Python {platform.python_version()}, {suite} on {kind}"
        counts = f"{here}: {ours.summary()}; native: {native.summary()}"
        if again:
            counts += f"; run again by themselves: {', '.join(again)}"
        with capfd.disabled():
            print(f"\n{counts}", file=sys.stderr)  # noqa: T201 - the counts are what one asks for
        found = suites.differences(native, ours, excepted)
        assert not found, "\n\n".join([counts, *found])

    return run_and_compare
