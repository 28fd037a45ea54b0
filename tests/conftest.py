"""Checks that tests leave the process as they found it, and log no errors."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import twisted.internet.tcp
import uvloop
from tornado.ioloop import IOLoop
from twisted.internet.base import DelayedCall
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from zope.interface import implementer

#: Where asyncio (uvloop too), Tornado and qasync report uncaught exceptions.
ERROR_LOGS = ("asyncio", "concurrent.futures", "tornado.application", "tornado.general", "qasync")
DESCRIPTORS = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")

# A process that a shell starts in the background ignores SIGINT, one under nohup SIGHUP; and so do
# its children.
for number, default in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, default)


#: Lanes of their own: they need more than the rest, and are collected only if they are named.
LANES = ("tests/apps", "tests/browser", "tests/gui", "tests/hosts")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the lanes that the command line does not name."""
    lane = collection_path.relative_to(config.rootpath).as_posix()
    named = any(Path(arg.split("::")[0]).as_posix().startswith(lane) for arg in config.args)
    return True if lane in LANES and not named else None


@implementer(ILogObserver)
class LoggedErrors(logging.Handler):
    """The errors that were logged; those that a test does not take fail it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note what asyncio or Tornado logged."""
        trace = record.exc_info and logging.Formatter().formatException(record.exc_info)
        self.found.append(f"{record.name}: {record.getMessage()}\n{trace or ''}")

    def __call__(self, event: LogEvent) -> None:
        """Note what Twisted logged."""
        failure = event.get("log_failure")
        if failure is None and event.get("log_level") not in {LogLevel.error, LogLevel.critical}:
            return
        trace = failure.getTraceback() if failure is not None else ""
        self.found.append(f"twisted: {formatEvent(event)}\n{trace}")

    def take(self, part: str) -> list[str]:
        """Remove the errors that contain ``part``, and return them."""
        gc.collect()
        taken = [error for error in self.found if part in error]
        self.found = [error for error in self.found if part not in error]
        return taken


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the upstream suites, the longest first: the others fill the second core."""
    upstream = [item for item in items if "upstream" in item.path.parts]
    items[:] = upstream[::-1] + [item for item in items if item not in upstream]


@pytest.fixture(scope="module")
def _warmed_up() -> None:
    """Make the libraries open what they open once in a process and keep."""
    asyncio.set_event_loop(None)  # or Python before 3.12 makes one at the first use
    uvloop.new_event_loop().close()
    twisted.internet.tcp._reservedFD.reserve()
    # Every strict test collects the garbage three times; what is there by now need not be looked at
    # again. Left in, the syntax trees of tests/unit/test_private_names.py alone cost 60 ms a time.
    gc.collect()
    gc.freeze()


@pytest.fixture
def logged_errors(_warmed_up: None) -> Iterator[LoggedErrors]:
    """Fails the test on errors that Twisted, asyncio or Tornado logged, unless it takes them."""
    errors = LoggedErrors()
    loggers = [logging.getLogger(name) for name in ERROR_LOGS]
    globalLogPublisher.addObserver(errors)
    for logger in loggers:
        logger.addHandler(errors)
    yield errors
    gc.collect()
    globalLogPublisher.removeObserver(errors)
    for logger in loggers:
        logger.removeHandler(errors)
    if errors.found:
        pytest.fail("\n".join(["errors were logged:", *errors.found]), pytrace=False)


@dataclass(frozen=True)
class Holdings:
    """What this process holds."""

    descriptors: dict[str, str]
    delayed_calls: dict[int, str]
    threads: frozenset[threading.Thread]
    io_loops: frozenset[str]

    @classmethod
    def now(cls) -> Holdings:
        gc.collect()
        calls = [o for o in gc.get_objects() if isinstance(o, DelayedCall) and o.active()]
        return cls(
            descriptors=open_descriptors(),
            delayed_calls={id(call): str(call) for call in calls},
            threads=frozenset(thread for thread in threading.enumerate() if not _is_kept(thread)),
            io_loops=frozenset(
                str(loop) for loop in IOLoop._ioloop_for_asyncio if not loop.is_closed()
            ),
        )

    def more_than(self, before: Holdings) -> list[str]:
        """What is held now and was not before, one line each."""
        fds = self.descriptors.items() - before.descriptors.items()
        calls = self.delayed_calls.keys() - before.delayed_calls.keys()
        return [
            *(f"descriptor {fd}: {target}" for fd, target in sorted(fds)),
            *(f"delayed call: {self.delayed_calls[call]}" for call in calls),
            *(f"thread: {thread}" for thread in self.threads - before.threads),
            *(f"an IOLoop for {loop}" for loop in self.io_loops - before.io_loops),
        ]


def _is_kept(thread: threading.Thread) -> bool:
    """Whether another library keeps it: Qt's, whose end Python never learns of, or Trio's."""
    return isinstance(thread, threading._DummyThread) or thread.name.startswith("Trio thread")


def open_descriptors() -> dict[str, str]:
    """The open descriptors of this process, each with what it is."""
    found = {path.name: _target(path) for path in DESCRIPTORS.iterdir()}
    return {fd: target for fd, target in found.items() if target is not None}


def _target(path: Path) -> str | None:
    try:
        return str(path.readlink())
    except FileNotFoundError:
        return None  # the descriptor of the listing itself
    except OSError:
        return "?"  # macOS has no links here


@pytest.fixture(autouse=True)
def _no_global_reactor() -> Iterator[None]:
    """Fails a test that leaves a global reactor: the tests after it would find it."""
    yield
    reactor = sys.modules.pop("twisted.internet.reactor", None)
    if reactor is not None:
        del twisted.internet.reactor
        pytest.fail(f"the test left a global reactor: {reactor}", pytrace=False)


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    """Puts back what a reactor of Twisted's leaves where an exception ends its run."""
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = [(number, signal.getsignal(number)) for number in numbers]
    yield
    for number, handler in before:
        if signal.getsignal(number) != handler:
            signal.signal(number, handler)


@pytest.fixture
def nothing_left(_warmed_up: None) -> Iterator[None]:
    """Fails the test on what it leaves: descriptors, DelayedCalls, threads, IOLoops."""
    before = Holdings.now()
    yield
    left = Holdings.now().more_than(before)
    if left:
        pytest.fail("\n".join(["the test left behind:", *left]), pytrace=False)
