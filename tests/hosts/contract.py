"""The contract tests on the loops of the hosts: which there are, and the exceptions.

``TRILOOP_CONTRACT_HOST=HOST pytest tests/contract`` runs all contract tests that take a loop, on
that of the host: natively where it is an asyncio loop, with a TornadoReactor inside it, and as a
reactor that has asyncio inside. The other contract tests do not depend on the host: they are left
out.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from tests.hosts.loops import EMBEDDERS, LOOPS, OWNERS, REACTORS

__all__ = ["CONTRACT_HOSTS", "EXEMPTIONS", "Exemption", "exemptions"]

#: The hosts on whose loops the contract tests run.
CONTRACT_HOSTS = [*LOOPS, *OWNERS, *REACTORS, *EMBEDDERS]


@dataclass(frozen=True)
class Exemption:
    """Contract tests that do not hold on the loops of some hosts."""

    hosts: tuple[str, ...]
    #: The tests, as ``fnmatch`` patterns of their names.
    tests: tuple[str, ...]
    reason: str
    #: Whether they are run all the same, and have to fail.
    run: bool = True


_LOST = ("qasync_pyside6", "qasync_pyqt6", "gi_events")

EXEMPTIONS = [
    Exemption(
        (*OWNERS, *EMBEDDERS),
        (
            "test_provides_all_that*",
            "test_objects_hold*",
            "test_is_an_asyncio_selector_reactor*",
            "test_loop_shows_its_reactor*",
            "test_world_goes_on_when_it_is_run_again*",
            "test_one_runner_runs*",
            "test_run_takes_a_loop_factory*",
            "test_eager_tasks_begin_at_once*",
            "test_call_graph_shows*",
            "test_a_cancelled_task_is_not_reported*",
            "test_a_real_error_is_reported*",
            "test_a_task_factory_makes*",
        ),
        "The test makes its loop by a function. This one is started by a program of its own.",
        run=False,
    ),
    Exemption(
        _LOST,
        ("test_out_of_*_callbacks*", "test_world_goes_on_when_it_is_run_again*"),
        "What a callback of this loop raises to end the run is lost, or ends the process at once: "
        "without triloop too. triloop.run() has a way around: see the table.",
        run=False,
    ),
    Exemption(
        ("trio_asyncio",),
        ("test_out_of_*_callbacks*",),
        "trio-asyncio gives its loop no more turns then, and waits for a task that needs one to "
        "end: without triloop too.",
        run=False,
    ),
    Exemption(
        ("trio_asyncio",),
        ("test_other_errors_are_logged_and_all_goes_on*",),
        "trio-asyncio ends its run with the error of a callback: without triloop too.",
        run=False,
    ),
    Exemption(
        ("qasync_pyside6", "qasync_pyqt6"),
        ("test_asyncio_and_tornado_callbacks_keep_their_context*",),
        "qasync calls a reader in the context of the loop's run: without triloop too.",
    ),
]


def exemptions(host: str, test: str) -> list[Exemption]:
    """Why a test need not hold on the loop of a host; nothing if it has to."""
    return [
        one
        for one in EXEMPTIONS
        if host in one.hosts and any(fnmatch.fnmatchcase(test, name) for name in one.tests)
    ]
