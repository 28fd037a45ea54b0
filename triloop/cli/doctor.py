"""``triloop doctor``: what is installed, what conflicts, and what to do about it."""

from __future__ import annotations

import argparse
import dataclasses
import enum
import importlib
import importlib.metadata
import json
import os
import platform
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor
from triloop.origins import described
from triloop.private.runners import is_patched_to_nest

__all__ = ["Finding", "Severity", "add_to", "examine"]

#: The oldest uvloop that does not mix up the answers of two requests.
OLDEST_UVLOOP = (0, 23)


class Severity(enum.IntEnum):
    """How much a finding matters; the worst one is the exit code."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclasses.dataclass(frozen=True)
class Finding:
    """One result of a check.

    Attributes:
        subject: What was checked.
        text: What was found.
        severity: How much it matters.
        advice: What to do; empty where there is nothing to do.
    """

    subject: str
    text: str
    severity: Severity = Severity.OK
    advice: str = ""


def add_to(commands: Any) -> None:
    """Add the command to the parsers of an argparse parser."""
    parser = commands.add_parser(
        "doctor",
        help="say what is installed, what conflicts, and what to do",
        description="Examine this Python and machine, and what the import of MODULEs does to them. "
        "Exit code: 0 all is well, 1 there are warnings, 2 there are errors.",
    )
    parser.add_argument("modules", metavar="MODULE", nargs="*", help="imported first")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(command=report)


def report(options: argparse.Namespace) -> int:
    """Print the findings, and return the exit code."""
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` does
    findings = list(examine(options.modules))
    if options.json:
        rows = [
            {**dataclasses.asdict(one), "severity": one.severity.name.lower()} for one in findings
        ]
        print(json.dumps(rows, indent=2))  # noqa: T201 - the report
    else:
        for finding in findings:
            _show(finding)
    return int(max(finding.severity for finding in findings))


def _show(finding: Finding) -> None:
    mark = {Severity.OK: " ", Severity.WARNING: "!", Severity.ERROR: "X"}[finding.severity]
    text = f"{mark} {finding.subject:18} {finding.text}"
    if finding.severity and sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        text = f"\x1b[{33 if finding.severity is Severity.WARNING else 31}m{text}\x1b[0m"
    print(text)  # noqa: T201 - the report
    if finding.advice:
        print(f"{'':20} -> {finding.advice}")  # noqa: T201 - the report


def examine(modules: list[str]) -> Iterator[Finding]:
    """Import modules, and look at the process after that.

    Args:
        modules: Their dotted names.
    """
    for name in modules:
        yield from _imported(name)
    for check in _CHECKS:
        yield from check()


def _imported(name: str) -> Iterator[Finding]:
    try:
        importlib.import_module(name)
    except Exception as problem:  # noqa: BLE001 - whatever a module of the application raises
        advice = "run doctor in the environment and the folder of the program"
        yield Finding(name, f"cannot be imported: {problem!r}", Severity.ERROR, advice)
    else:
        yield Finding(name, "imported")


def _versions() -> Iterator[Finding]:
    yield Finding("python", f"{platform.python_version()}, {platform.platform()}")
    for name in ("triloop", "twisted", "tornado", "zope.interface"):
        yield Finding(name, importlib.metadata.version(name))


def _uvloop() -> Iterator[Finding]:
    try:
        version = importlib.metadata.version("uvloop")
    except importlib.metadata.PackageNotFoundError:
        yield Finding("uvloop", "not installed")
        return
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_UVLOOP:
        text = f"{version}, which can hand an answer to the wrong request"
        yield Finding("uvloop", text, Severity.WARNING, "pip install 'uvloop>=0.23'")
    else:
        yield Finding("uvloop", version)


def _poller() -> Iterator[Finding]:
    for name in ("epoll", "kqueue"):
        if hasattr(select, name):
            yield Finding("poller", f"{name}, which can be nested")
            return
    advice = "triloop runs on Linux, macOS and the BSDs"
    yield Finding("poller", "neither epoll nor kqueue", Severity.ERROR, advice)


def _children() -> Iterator[Finding]:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError) as problem:
        advice = "nothing, unless there are thousands of children: a kernel from 5.3 has pidfds"
        text = f"a thread for each, as there is no pidfd ({problem})"
        yield Finding("child processes", text, Severity.WARNING, advice)
    else:
        yield Finding("child processes", "watched by pidfd")


def _reactor() -> Iterator[Finding]:
    reactor = sys.modules.get("twisted.internet.reactor")
    if reactor is None:
        yield Finding("reactor", "none is installed so far")
        return
    text = described(reactor)
    if isinstance(reactor, TornadoReactor):
        yield Finding("reactor", text)
    else:
        advice = (
            "for Twisted inside asyncio call triloop.install() before that line; asyncio inside "
            "this reactor works: triloop.TwistedIOLoop().install()"
        )
        yield Finding("reactor", text, Severity.WARNING, advice)


def _patched_asyncio() -> Iterator[Finding]:
    if is_patched_to_nest():
        advice = "leave it out: `async with triloop.attached()` works in a loop that runs"
        yield Finding("asyncio", "patched by nest_asyncio", Severity.WARNING, advice)
    else:
        yield Finding("asyncio", "not patched")


def _signals() -> Iterator[Finding]:
    owner = -1
    if threading.current_thread() is threading.main_thread():
        owner = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(owner)
    text = "not set" if owner == -1 else f"descriptor {owner}"
    yield Finding("wake-up descriptor", text)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        handler = signal.getsignal(number)
        names = (getattr(handler, name, None) for name in ("__qualname__", "name"))
        name = next(filter(None, names), str(handler))
        if number == signal.SIGCHLD and handler == signal.SIG_IGN:
            advice = "while it is ignored, the exit status of every child is lost: set SIG_DFL"
            yield Finding(number.name, "ignored", Severity.ERROR, advice)
        else:
            yield Finding(number.name, name)


_CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _versions,
    _uvloop,
    _poller,
    _children,
    _reactor,
    _patched_asyncio,
    _signals,
)
