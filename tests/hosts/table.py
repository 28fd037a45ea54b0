"""What differs between the hosts, and the table that the documentation shows of the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests import markdown
from tests.hosts.checks import CHECKS
from tests.hosts.contract import EXEMPTIONS
from tests.hosts.hosts import HOSTS

__all__ = ["NOTES", "write"]

_MAIN_THREAD = "Signals belong to the main thread. asyncio refuses a handler in another one."
_VISITED = (
    "The reactor only visits the loop, whose owner goes on without it: tasks are not cancelled."
)
_CONTRACT = "The project's contract tests"
_LOGGED = (
    "A reactor of Twisted's own logs it and goes on. One that an asyncio callback raises leaves."
)

#: The cells that are not "yes", each with the reason. The tests fail where one has become
#: right.
NOTES = {
    ("thread", "signals"): _MAIN_THREAD,
    ("thread", "control_c"): "Python raises the KeyboardInterrupt in the main thread, as natively.",
    ("textual", "stop"): _VISITED,
    ("trio_asyncio", "stop"): _VISITED,
    ("trio_asyncio", "interrupt"): (
        "trio-asyncio gives its loop no more turns then, and waits for a task that needs one to "
        "end: without triloop too."
    ),
    ("reactor", "interrupt"): _LOGGED,
    ("gtk3", "interrupt"): _LOGGED,
    ("gtk4", "interrupt"): _LOGGED,
    ("tksupport", "interrupt"): _LOGGED,
    ("qreactor", "interrupt"): _LOGGED,
    ("tksupport", "idle"): "tksupport looks at Tk a hundred times a second.",
}

_PARTS = {
    "Twisted inside an asyncio loop": (
        "asyncio", "uvloop", "thread", "qasync_pyside6", "qasync_pyqt6", "gi_events",
        "trio_asyncio", "textual",
    ),
    "asyncio and Tornado inside a reactor of Twisted's own": (
        "reactor", "gtk3", "gtk4", "tksupport", "qreactor",
    ),
    "All of them inside a loop of the application's own": ("tk", "trio", "qt", "glib"),
}  # fmt: skip
assert {host for hosts in _PARTS.values() for host in hosts} == HOSTS.keys()


#: What stands for the contract tests where they are not run again.
_ELSEWHERE = {
    "tksupport": "tksupport is a timed call in a reactor of Twisted's own, whose contract holds.",
} | dict.fromkeys(
    ("asyncio", "uvloop", "reactor"), "These are the loops of the project's own test run."
)
Counts = Mapping[str, tuple[int, int]]


def write(path: Path, passed: set[tuple[str, str]], contract: Counts) -> None:
    """Write the tables.

    Args:
        path: The file, in Markdown.
        passed: The cells that are right: host and check.
        contract: The contract tests on the loops of hosts: how many passed, and are exempt.
    """
    lines = []
    reasons = [*NOTES.values(), *_ELSEWHERE.values(), *(one.reason for one in EXEMPTIONS)]
    numbers = {note: number for number, note in enumerate(dict.fromkeys(reasons), 1)}
    for title, hosts in _PARTS.items():
        head = [title, *(HOSTS[host].title for host in hosts)]
        rows = []
        for name, check in CHECKS.items():
            cells = [_cell(host, name, passed, numbers) for host in hosts]
            rows.append([(check.__doc__ or "").splitlines()[0].rstrip("."), *cells])
        rows.append([_CONTRACT, *(_contract_cell(host, contract, numbers) for host in hosts)])
        lines += [*markdown.table(head, rows), ""]
    lines += [f"{number}. {note}" for note, number in numbers.items()]
    packages = dict.fromkeys(name for host in HOSTS.values() for name in host.packages)
    lines += markdown.used(dict.fromkeys(("twisted", "tornado", *packages)))
    path.write_text("\n".join(lines), encoding="utf-8")


def _cell(host: str, check: str, passed: set[tuple[str, str]], numbers: Mapping[str, int]) -> str:
    if (host, check) in passed:
        return "yes"
    return f"no ({numbers[NOTES[host, check]]})"


def _contract_cell(host: str, contract: Counts, numbers: Mapping[str, int]) -> str:
    if host in _ELSEWHERE:
        return f"yes ({numbers[_ELSEWHERE[host]]})"
    passed, exempt = contract[host]
    if not exempt:
        return f"all {passed}"
    notes = ", ".join(str(numbers[one.reason]) for one in EXEMPTIONS if host in one.hosts)
    return f"{passed} of {passed + exempt} ({notes})"
