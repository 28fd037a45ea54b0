"""nsswitch.conf(5): where host names are looked up, and in which order."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["DEFAULT_SOURCES", "Source", "parse_nsswitch"]


class Source(NamedTuple):
    """A place to look a name up in.

    Attributes:
        name: ``files`` or ``dns``.
        is_last: Whether no other source is asked if the name is not found here.
    """

    name: str
    is_last: bool = False


DEFAULT_SOURCES = (Source("files"), Source("dns"))


def parse_nsswitch(content: bytes) -> tuple[Source, ...]:
    """Read the ``hosts`` line of an nsswitch.conf(5).

    ``resolve`` stands for what the daemon of that name does: the hosts file, then DNS. Other
    services are ignored.

    Returns:
        The sources in their order.
    """
    sources: list[Source] = []
    for line in content.decode("latin-1").split("\n"):
        database, colon, services = line.partition("#")[0].partition(":")
        if colon and database.strip() == "hosts":
            sources = _sources(services)
    return tuple(sources) or DEFAULT_SOURCES


def _sources(services: str) -> list[Source]:
    found: dict[str, Source] = {}
    for service, actions in re.findall(r"(\w+)\s*(\[[^]]*\])?", services):
        is_last = bool(re.search(r"(?i)(?<!!)\bnotfound\s*=\s*return", actions))
        for name in ("files", "dns") if service == "resolve" else (service,):
            if name in {"files", "dns"}:
                found.setdefault(name, Source(name, is_last))
    return list(found.values())
