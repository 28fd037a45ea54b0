"""resolv.conf(5), as the C library reads it."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from triloop.adapters.resolver.names import to_wire
from triloop.adapters.resolver.wire import AAAA, A

__all__ = ["ResolvConf", "parse_resolv_conf"]

_MAX_SERVERS = 3
_LIMITS = {"ndots": 15, "timeout": 30, "attempts": 5}
_KINDS: dict[int, tuple[int, ...]] = {
    socket.AF_UNSPEC: (A, AAAA),
    socket.AF_INET: (A,),
    socket.AF_INET6: (AAAA,),
}
_OPTIONS = {"no_tld_query": "no-tld-query"} | {
    name: name
    for name in ("rotate", "single-request", "no-tld-query", "no-reload", "use-vc", "no-aaaa")
}
_SETTING = re.compile(r"(?:(ndots|timeout|attempts):\s*([+-]?\d{1,9})?\S*)|(\S+)")
_PORTED = re.compile(r"\[([^]]+)\]:(\d+)|([\d.]+):(\d+)")


@dataclass(frozen=True)
class ResolvConf:
    """What a resolv.conf(5) says.

    Attributes:
        nameservers: Address literals, each with a port or None.
        search: The domains to try for a short name, without leading and trailing dots.
        ndots: A name with at least so many dots is tried as it is before the domains.
        timeout: Seconds for a server; None if the file does not set it.
        attempts: Rounds over all servers; None if the file does not set it.
        options: The other options that are set, by their names.
    """

    nameservers: tuple[tuple[str, int | None], ...] = ()
    search: tuple[bytes, ...] = ()
    ndots: int = 1
    timeout: int | None = None
    attempts: int | None = None
    options: frozenset[str] = frozenset()

    def kinds(self, family: int) -> tuple[int, ...]:
        """The types of records to ask for."""
        return (A,) if self.has_no_aaaa else _KINDS[family]

    @cached_property
    def suffixes(self) -> tuple[bytes, ...]:
        """The labels of the domains in `search`; none if they all are the root."""
        found = [to_wire(domain) if domain else b"\0" for domain in self.search]
        return tuple(suffix for suffix in found if suffix) if any(self.search) else ()

    @cached_property
    def is_in_turn(self) -> bool:
        """Whether one family is asked for after the other, for servers that cannot handle both."""
        return "single-request" in self.options

    @cached_property
    def has_no_aaaa(self) -> bool:
        """Whether no IPv6 addresses are asked for."""
        return "no-aaaa" in self.options

    @cached_property
    def is_for_good(self) -> bool:
        """Whether the file is not checked for changes."""
        return "no-reload" in self.options


def parse_resolv_conf(content: bytes, environ: Mapping[str, str] = os.environ) -> ResolvConf:
    """Read a resolv.conf(5).

    Unlike in the C library, a server may have a port: ``[ADDRESS]:PORT`` or ``IPV4:PORT``. Lines
    that cannot be read are ignored.

    Args:
        content: The file.
        environ: ``LOCALDOMAIN`` goes before the file's domains, ``RES_OPTIONS`` after its options.
    """
    servers: list[tuple[str, int | None]] = []
    domains = [_own_domain()]
    settings: list[str] = []
    for keyword, rest in _lines(content):
        words = rest.split()
        if keyword == "nameserver":
            servers += _server(words[0]) if words else []
        elif keyword == "options":
            settings.append(rest)
        elif keyword == "domain":
            domains = words[:1] or domains
        elif keyword == "search":
            domains = words or domains
    if "LOCALDOMAIN" in environ:
        domains = environ["LOCALDOMAIN"].partition("\n")[0].split()
    settings.append(environ.get("RES_OPTIONS", ""))
    numbers, options = _options(settings)
    return ResolvConf(
        nameservers=tuple(servers[:_MAX_SERVERS]),
        search=tuple(_domain(domain) for domain in domains if domain),
        ndots=numbers.get("ndots", 1),
        timeout=numbers.get("timeout"),
        attempts=numbers.get("attempts"),
        options=options,
    )


def _lines(content: bytes) -> Iterator[tuple[str, str]]:
    for line in content.decode("latin-1").split("\n"):
        # A keyword has to be at the beginning of a line; so has the sign of a comment.
        if match := re.match(r"([a-z]+)[ \t](.*)", line.partition("\0")[0]):
            yield match[1], match[2]


def _own_domain() -> str:
    return socket.gethostname().partition(".")[2]


def _domain(text: str) -> bytes:
    return text.strip(".").lower().encode("latin-1")


def _server(text: str) -> list[tuple[str, int | None]]:
    port = None
    if ported := _PORTED.fullmatch(text):
        text = ported[1] or ported[3]
        port = int(ported[2] or ported[4])
    try:
        # Older forms of IPv4 addresses have fewer numbers: 127.1.
        address = text if ":" in text else socket.inet_ntoa(socket.inet_aton(text))
        ipaddress.ip_address(address)
    except (OSError, ValueError):
        return []
    return [(address, port)] if port is None or 0 < port < 65536 else []


def _options(settings: list[str]) -> tuple[dict[str, int], frozenset[str]]:
    numbers: dict[str, int] = {}
    options: set[str] = set()
    for setting in settings:
        # As by atoi(3): there may be space before a number, and what is none is 0.
        for name, number, word in _SETTING.findall(setting):
            if name:
                value = int(number or 0)
                numbers[name] = _LIMITS[name] if value < 0 else min(value, _LIMITS[name])
            else:
                # By how it begins, whatever follows.
                options.update(name for start, name in _OPTIONS.items() if word.startswith(start))
    return numbers, frozenset(options)
