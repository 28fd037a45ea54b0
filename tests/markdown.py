"""Tables for the documentation, made of what the tests of a lane have seen."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version

__all__ = ["table", "used", "versions"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [_row(head), _row(["---"] * len(head)), *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def versions(packages: Iterable[str]) -> str:
    """The installed versions, to be read."""
    return ", ".join(f"{package} {version(package)}" for package in packages)


def used(packages: Iterable[str]) -> list[str]:
    """The last lines: on what the table was made."""
    return ["", f"On Python {platform.python_version()}, with {versions(packages)}.", ""]
