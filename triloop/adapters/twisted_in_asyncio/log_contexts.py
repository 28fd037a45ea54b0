"""The context of Twisted's log in which a reactor calls a selectable: its prefix is the system."""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.python import log
from twisted.python.log import ILogContext

__all__ = ["KEEPERS", "keeps_log_context", "log_context", "prefix_of"]

_BUGGY = "(buggy logPrefix method)"
_Class = TypeVar("_Class", bound=type)

#: The classes of selectables that keep their log context.
KEEPERS: Any = set()


def keeps_log_context(kind: _Class) -> _Class:
    """Decorate a class of selectables whose ``doRead`` is called by the shortest path.

    They keep their log context, whose prefix is their ``logstr``, and leave the poller before their
    descriptor is closed. Subclasses do not inherit this.
    """
    #: The outer context and the prefix that it was made from, and the log context.
    kind.log_context = None, None, {}  # type: ignore[attr-defined]
    KEEPERS.add(kind)
    return kind


def log_context(selectable: Any, around: list[dict[Any, Any]]) -> dict[Any, Any]:
    """The context in which ``selectable`` logs; it is stored on those that keep theirs.

    Args:
        selectable: Whatever the poller has found ready.
        around: The contexts that are in force, the innermost last.
    """
    for one in reversed(around):
        if ILogContext in one:
            break
    prefix = prefix_of(selectable)
    made: dict[Any, Any] = {ILogContext: {**one[ILogContext], "system": prefix}}
    if selectable.__class__ in KEEPERS:
        selectable.log_context = around[-1], prefix, made
    return made


def prefix_of(selectable: Any) -> str:
    """What a selectable gives as its prefix in the log."""
    try:
        return str(selectable.logPrefix())
    except Exception:  # noqa: BLE001 - the application's; it is logged
        log.err(system=_BUGGY)
        return _BUGGY
