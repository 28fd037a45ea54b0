"""A plugin for the pytest that runs Scrapy's suite: installs the reactor, and records the outcomes.

``scrapy_runner`` copies it beside Scrapy's ``tests``, a package by the name that ours has.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

#: The loop that a TornadoReactor runs in, or "native" for the reactor that pytest-twisted installs.
KIND = os.environ["TRILOOP_SCRAPY_KIND"]
RECORD = Path(os.environ["TRILOOP_SCRAPY_RECORD"])

if KIND != "native":
    import asyncio

    import uvloop

    import triloop

    triloop.install({"asyncio": asyncio, "uvloop": uvloop}[KIND].new_event_loop())

#: What was not as it should be in the present test, in its set-up, its call or its tear-down.
_found: list[tuple[str, str]] = []


def pytest_runtest_logstart(nodeid: str) -> None:
    """A test starts."""
    _found.clear()
    _write(start=nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A phase of a test has ended."""
    if report.outcome != "passed":
        outcome = "expected failure" if hasattr(report, "wasxfail") else report.outcome
        _found.append((outcome, report.longreprtext))


def pytest_runtest_logfinish(nodeid: str) -> None:
    """A test has ended."""
    failures = [found for found in _found if found[0] == "failed"]
    outcome, detail = [*failures, *_found, ("passed", "")][0]
    _write(end=nodeid, outcome=outcome, detail=detail)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A module that cannot be read counts as a test that fails."""
    if report.failed:
        _write(end=report.nodeid, outcome="failed", detail=report.longreprtext)


def pytest_sessionfinish() -> None:
    """All tests have ended."""
    _write(complete=True)


def _write(**line: object) -> None:
    with RECORD.open("a", encoding="utf-8") as record:
        record.write(json.dumps(line) + "\n")
