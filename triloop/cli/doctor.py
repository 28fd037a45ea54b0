"""``triloop doctor``: what is installed, what conflicts, and what to do about it."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import enum
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import select
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from triloop.adapters.twisted_in_asyncio.host import named
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor
from triloop.cli import terminal
from triloop.cli.owners import open_loops, wakeup_owner
from triloop.origins import described
from triloop.private.cpython import current_loop
from triloop.private.runners import is_patched_to_nest

__all__ = ["Finding", "Severity", "add_to", "examine"]

#: The oldest uvloop that does not mix up the answers of two requests.
OLDEST_UVLOOP = (0, 23)


class Severity(enum.IntEnum):
    """How much a finding matters; the worst one is the exit code."""

    OK = 0
    WARNING = 1
    ERROR = 2


#: The mark and the colour of each.
_MARKS = {Severity.OK: (" ", ""), Severity.WARNING: ("!", "yellow"), Severity.ERROR: ("X", "red")}


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
    parser.add_argument(
        "modules", metavar="MODULE", nargs="*", help="a module's name or a script, imported first"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(command=report)


def report(options: argparse.Namespace) -> int:
    """Print the findings, and return the exit code."""
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` does
    with contextlib.redirect_stdout(sys.stderr):  # of the modules, which may print
        findings = list(examine(options.modules))
    if options.json:
        rows = [
            {**dataclasses.asdict(one), "severity": one.severity.name.lower()} for one in findings
        ]
        terminal.say(json.dumps(rows, indent=2))
    else:
        terminal.show_table(_row(finding) for finding in findings)
    return int(max(finding.severity for finding in findings))


def _row(finding: Finding) -> terminal.Row:
    mark, color = _MARKS[finding.severity]
    text = f"{finding.text}\n-> {finding.advice}" if finding.advice else finding.text
    return terminal.Row([f"{mark} {finding.subject}", text], color)


def examine(modules: list[str]) -> Iterator[Finding]:
    """Import modules, and look at the process after that.

    Args:
        modules: Their dotted names, or the paths of scripts.
    """
    for name in modules:
        yield from _imported(name)
    for check in _CHECKS:
        yield from check()


def _imported(name: str) -> Iterator[Finding]:
    try:
        _import(name)
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - what the application raises
        advice = "run doctor in the environment and the folder of the program"
        yield Finding(name, f"cannot be imported: {problem!r}", Severity.ERROR, advice)
    else:
        yield Finding(name, "imported")


def _import(name: str) -> None:
    """Import a module; a script too, by a name that is not ``__main__``, so it does not begin."""
    if not name.endswith(".py"):
        importlib.import_module(name)
        return
    script = Path(name).resolve(strict=True)
    sys.path.insert(0, str(script.parent))
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[script.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


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
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is None:
        yield Finding("reactor", "none is installed so far")
        return
    text = described(reactor).rstrip(",")
    is_host = any(getattr(loop, "reactor", None) is reactor for loop in open_loops())
    if isinstance(reactor, TornadoReactor) or is_host:
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


def _loops() -> Iterator[Finding]:
    loops = open_loops()
    if not loops:
        yield Finding("loops", "none is open so far")
    for loop in loops:
        uses = ["current"] * (loop is current_loop()) + ["running"] * loop.is_running()
        yield Finding("loop", ", ".join([named(loop), *uses]))


def _wakeup() -> Iterator[Finding]:
    owner = signal.set_wakeup_fd(-1)
    with contextlib.suppress(ValueError):  # it is closed
        signal.set_wakeup_fd(owner)
    if owner == -1:
        yield Finding("wake-up descriptor", "not set")
        return
    name = wakeup_owner(owner)
    if name is not None:
        yield Finding("wake-up descriptor", f"{owner}, of {name}")
        return
    text = f"{owner}, of no open loop and no reactor, so signals do not wake them"
    advice = "end what has called signal.set_wakeup_fd() before a loop or reactor runs"
    yield Finding("wake-up descriptor", text, Severity.WARNING, advice)


def _signals() -> Iterator[Finding]:
    yield from _wakeup()
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
    _loops,
    _patched_asyncio,
    _signals,
)
