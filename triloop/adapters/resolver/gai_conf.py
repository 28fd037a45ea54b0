"""The tables by which addresses are ordered, and gai.conf(5), which may change them."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["DEFAULT_POLICY", "Policy", "parse_gai_conf"]

_MAPPED = ipaddress.ip_network("::ffff:0:0/96")


class _Entry(NamedTuple):
    """The value of the addresses in one network."""

    prefix: int
    shift: int
    value: int


class _Table:
    """Values of networks; the value of an address is that of the smallest network it is in."""

    def __init__(self, values: Iterable[tuple[str, int]], otherwise: int) -> None:
        self._otherwise = otherwise
        entries = []
        for text, value in values:
            network = ipaddress.ip_network(text, strict=False)
            length, number = network.prefixlen, int(network.network_address)
            if network.version == 4:
                length, number = 96 + length, int(_MAPPED.network_address) + number
            entries.append((length, _Entry(number >> 128 - length, 128 - length, value)))
        entries.sort(key=lambda entry: -entry[0])
        self._entries = [entry for _, entry in entries]

    def value(self, number: int) -> int:
        """The value of an address, an IPv4 one in its IPv6 form (::ffff:0:0/96)."""
        for prefix, shift, value in self._entries:
            if number >> shift == prefix:
                return value
        return self._otherwise


class Policy:
    """The tables for ordering destinations: labels, precedences, scopes of IPv4 addresses."""

    def __init__(
        self,
        labels: Iterable[tuple[str, int]],
        precedences: Iterable[tuple[str, int]],
        scopes: Iterable[tuple[str, int]],
    ) -> None:
        # A table without a line for all addresses has the C library's.
        self.label = _Table(labels, 1).value
        self.precedence = _Table(precedences, 40).value
        self.scope_of_ipv4 = _Table(scopes, 14).value


# Those of the C library: RFC 3484's, with Teredo, and site-local addresses by themselves.
_LABELS = [
    ("::1/128", 0),
    ("::/0", 1),
    ("2002::/16", 2),
    ("::/96", 3),
    ("::ffff:0:0/96", 4),
    ("fec0::/10", 5),
    ("fc00::/7", 6),
    ("2001::/32", 7),
]
_PRECEDENCES = [
    ("::1/128", 50),
    ("::/0", 40),
    ("2002::/16", 30),
    ("::/96", 20),
    ("::ffff:0:0/96", 10),
]
_SCOPES = [("169.254.0.0/16", 2), ("127.0.0.0/8", 2), ("0.0.0.0/0", 14)]
DEFAULT_POLICY = Policy(_LABELS, _PRECEDENCES, _SCOPES)


def parse_gai_conf(content: bytes) -> Policy:
    """Read a gai.conf(5): a table with at least one line replaces the built-in one."""
    tables: dict[str, list[tuple[str, int]]] = {"label": [], "precedence": [], "scopev4": []}
    for line in content.decode("latin-1").split("\n"):
        fields = line.partition("#")[0].split()
        # As in the C library, a prefix needs a length, and a value that is missing is 0.
        if len(fields) > 1 and fields[0] in tables and "/" in fields[1]:
            with contextlib.suppress(ValueError):
                network = ipaddress.ip_network(fields[1], strict=False)
                if network.version == 6 or fields[0] == "scopev4":
                    value = int(fields[2]) if len(fields) > 2 else 0
                    tables[fields[0]].append((fields[1], value))
    if not any(tables.values()):
        return DEFAULT_POLICY
    return Policy(
        tables["label"] or _LABELS,
        tables["precedence"] or _PRECEDENCES,
        tables["scopev4"] or _SCOPES,
    )
