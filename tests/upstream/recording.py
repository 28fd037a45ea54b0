"""Records the outcome of each test of a suite while it runs.

A suite runs in a process of its own, so that it can neither disturb pytest's process nor be
disturbed by it. A line is written at the start and at the end of each test, so
that the test is known in which a process hangs or dies.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import traceback
import unittest
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from _typeshed import OptExcInfo as ExcInfo

TEST_SECONDS = 90.0
"""A test that takes longer than this many seconds has hung. The longest of the native ones, on a
busy machine with two cores, needs less than 20."""


class RecordingResult(unittest.TestResult):
    """Writes one JSON line as a test starts and one as it ends.

    Args:
        record: The open text file that gets the lines.
    """

    def __init__(self, record: TextIO) -> None:
        super().__init__()
        self._record = record
        self._seen: Counter[str] = Counter()
        self._name: str | None = None
        self._outcome = "passed"
        self._detail = ""

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._name = self._unique_name(test)
        self._outcome, self._detail = "passed", ""
        self._write(start=self._name)
        faulthandler.dump_traceback_later(TEST_SECONDS, exit=True, file=_stderr())

    def stopTest(self, test: unittest.TestCase) -> None:
        faulthandler.cancel_dump_traceback_later()
        super().stopTest(test)
        if self._name is not None:  # None: Python 3.12.1 skips whole classes without startTest
            self._write(end=self._name, outcome=self._outcome, detail=self._detail)
            self._name = None

    def addError(self, test: unittest.TestCase, err: ExcInfo) -> None:
        super().addError(test, err)
        self._set(test, "failed", _format(err))

    def addFailure(self, test: unittest.TestCase, err: ExcInfo) -> None:
        super().addFailure(test, err)
        self._set(test, "failed", _format(err))

    def addSubTest(
        self, test: unittest.TestCase, subtest: unittest.TestCase, err: ExcInfo | None
    ) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._set(test, "failed", f"{subtest}\n{_format(err)}")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._set(test, "skipped", str(reason))

    def addExpectedFailure(self, test: unittest.TestCase, err: ExcInfo) -> None:
        super().addExpectedFailure(test, err)
        self._set(test, "expected failure", _format(err))

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self._set(test, "failed", "unexpected success")

    def _set(self, test: unittest.TestCase, outcome: str, detail: str) -> None:
        if self._name is None:
            # Not a test: a setUpClass, a setUpModule or their like.
            self._write(end=test.id(), outcome=outcome, detail=detail)
        elif self._outcome != "failed":
            # A failing test that also fails to clean up keeps its first reason.
            self._outcome, self._detail = outcome, detail

    def _unique_name(self, test: unittest.TestCase) -> str:
        name = test.id()
        self._seen[name] += 1
        times = self._seen[name]
        return name if times == 1 else f"{name}#{times}"

    def _write(self, **line: Any) -> None:
        json.dump(line, self._record)
        self._record.write("\n")
        self._record.flush()


def _stderr() -> TextIO:
    """The process's own; ``sys.stderr`` is what some tests put there."""
    assert sys.__stderr__ is not None
    return sys.__stderr__


def _format(err: ExcInfo) -> str:
    # Some upstream tests put strange objects into sys.exc_info on purpose.
    return "".join(traceback.format_exception(*err))


class RecordingRunner:
    """A unittest runner that records into a file.

    Args:
        path: The file to write; one that exists is replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.write_text("", "utf-8")
        self.successful = False

    def run(self, suite: unittest.TestSuite | unittest.TestCase) -> RecordingResult:
        """Run ``suite`` to its end; a test that hangs ends the process, stacks on stderr."""
        with self._path.open("a", encoding="utf-8") as record:
            result = RecordingResult(record)
            suite.run(result)
            record.write('{"complete": true}\n')
        self.successful = result.wasSuccessful()
        return result

    def add(self, name: str, outcome: str) -> None:
        """Record a problem outside of the tests, under a given name."""
        with self._path.open("a", encoding="utf-8") as record:
            record.write(json.dumps({"end": name, "outcome": outcome, "detail": ""}) + "\n")


def selection(suite: unittest.TestSuite, wanted: list[str]) -> unittest.TestSuite:
    """The tests of ``suite`` whose names have one of ``wanted`` in them; all, when it is empty."""
    return unittest.TestSuite(
        test for test in _flat(suite) if not wanted or any(part in test.id() for part in wanted)
    )


def _flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test
