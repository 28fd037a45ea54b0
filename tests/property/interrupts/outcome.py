"""The outcome of an exception in a callback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Outcome", "noting"]


@dataclass(frozen=True)
class Outcome:
    """What left the run, what was logged, the failed object's later calls, what others received."""

    left: tuple[str, ...]
    logged: tuple[str, ...]
    told: tuple[str, ...]
    others: tuple[bytes, ...]


@contextlib.contextmanager
def noting(left: list[str]) -> Iterator[None]:
    """Record any exception that leaves."""
    try:
        yield
    except BaseException as reason:  # noqa: BLE001 - that is the question
        left.append(type(reason).__name__)
