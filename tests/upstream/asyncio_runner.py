"""Runs the running Python's own tests of asyncio.

``python -m tests.upstream.asyncio_runner LOOP RECORD [TEST...]``
"""

from __future__ import annotations

import importlib
import sys
import unittest
from pathlib import Path

from .loops import make_asyncio_use
from .recording import RecordingRunner

INTERNALS = {
    # The unit tests of the two kinds of native loop, which drive the loop's private methods with
    # mocks in place of sockets and selectors: they make no loop that runs.
    "test_selector_events",
    "test_proactor_events",
    # Import on Windows only.
    "test_windows_events",
    "test_windows_utils",
}


def modules() -> list[str]:
    """The names of the modules of test_asyncio, without the tests of internals.

    Raises:
        SystemExit: This Python was packaged without its tests.
    """
    try:
        package = importlib.import_module("test.test_asyncio")
    except ImportError as problem:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(
            f"{sys.executable} has no test.test_asyncio ({problem}): install the tests of the "
            f"standard library (Debian and Ubuntu: libpython{version}-testsuite; "
            "Fedora: python3-test)"
        )
    names = {path.stem for path in Path(package.__path__[0]).glob("test_*.py")}
    return [f"test.test_asyncio.{name}" for name in sorted(names - INTERNALS)]


def main() -> None:
    loop, record, *wanted = sys.argv[1:]
    # Ahead of the imports of the tests, some of which keep asyncio's names as their own.
    make_asyncio_use(loop)
    suite = unittest.defaultTestLoader.loadTestsFromNames(wanted or modules())
    RecordingRunner(Path(record)).run(suite)


if __name__ == "__main__":
    main()
