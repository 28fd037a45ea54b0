"""nsswitch.conf(5): where host names are looked up, and in which order."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = [
    "DEFAULT_SOURCES",
    "NOT_FOUND",
    "SUCCESS",
    "TRY_AGAIN",
    "UNAVAILABLE",
    "Source",
    "parse_nsswitch",
]

#: What may become of asking a source: it has addresses, it has no such name, it does not answer, it
#: has a temporary failure.
SUCCESS, NOT_FOUND, UNAVAILABLE, TRY_AGAIN = "success", "notfound", "unavail", "tryagain"
_STATUSES = frozenset((SUCCESS, NOT_FOUND, UNAVAILABLE, TRY_AGAIN))


class Source(NamedTuple):
    """A place to look a name up in.

    Attributes:
        name: ``files`` or ``dns``.
        ends_with: With which of these no other source is asked.
    """

    name: str
    ends_with: frozenset[str] = frozenset((SUCCESS,))


DEFAULT_SOURCES = (Source("files"), Source("dns"))


def parse_nsswitch(content: bytes) -> tuple[Source, ...]:
    """Read the ``hosts`` line of an nsswitch.conf(5).

    ``resolve`` stands for what the daemon of that name does: the hosts file, then DNS. Other
    services and actions are ignored.

    Returns:
        The sources in their order.
    """
    sources: tuple[Source, ...] = ()
    for line in content.decode("latin-1").split("\n"):
        # Only a whole line can be a comment; the colon may be missing.
        if match := re.match(r"\s*hosts[\s:](.*)", line):
            sources = tuple(_sources(match[1]))
    return sources or DEFAULT_SOURCES


def _sources(services: str) -> list[Source]:
    found = [
        (service, _ends_with(actions))
        for service, actions in re.findall(r"(\w+)\s*(\[[^]]*\])?", services)
    ]
    if any(service == "resolve" for service, _ in found):
        return list(DEFAULT_SOURCES)
    return [Source(*each) for each in found if each[0] in {"files", "dns"}]


def _ends_with(actions: str) -> frozenset[str]:
    ends: frozenset[str] = frozenset((SUCCESS,))
    for but, status, action in re.findall(r"(!?)\s*(\w+)\s*=\s*(\w+)", actions.lower()):
        named = _STATUSES - {status} if but else _STATUSES & {status}
        if action == "return":
            ends = ends | named
        elif action == "continue":
            ends = ends - named
    return ends
