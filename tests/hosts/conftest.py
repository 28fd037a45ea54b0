"""What the tests of the hosts have found, for the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import pytest

from tests.hosts.hosts import HOSTS


@dataclass
class Results:
    """What was right so far."""

    #: Cells of the table: host and check.
    cells: set[tuple[str, str]] = field(default_factory=set)
    #: The contract tests on the loop of a host: how many passed, and how many are exempt.
    contract: dict[str, tuple[int, int]] = field(default_factory=dict)


@pytest.fixture(scope="session")
def results() -> Results:
    """The results, for the last test."""
    return Results()


@pytest.fixture
def installed(request: pytest.FixtureRequest) -> None:
    """Skip a host that cannot be installed for this Python."""
    packages = HOSTS[request.getfixturevalue("host")].packages
    missing = [name for name in packages if not is_installed(name)]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")


def is_installed(package: str) -> bool:
    """Whether it is there, by its name on PyPI."""
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False
