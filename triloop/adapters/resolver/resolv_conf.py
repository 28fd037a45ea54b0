"""resolv.conf(5), as the C library reads it."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from triloop.adapters.resolver.wire import AAAA, A

__all__ = ["ResolvConf", "parse_resolv_conf"]

_MAX_SERVERS = 3
_LIMITS = {"ndots": 15, "timeout": 30, "attempts": 5}
_KINDS: dict[int, tuple[int, ...]] = {
    socket.AF_UNSPEC: (A, AAAA),
    socket.AF_INET: (A,),
    socket.AF_INET6: (AAAA,),
}
_KINDS_WITHOUT_AAAA = {family: kinds[:1] if A in kinds else () for family, kinds in _KINDS.items()}
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
        return _KINDS_WITHOUT_AAAA[family] if self.has_no_aaaa else _KINDS[family]

    @cached_property
    def is_in_turn(self) -> bool:
        """Whether one family is asked for after the other, for servers that cannot handle both."""
        return not self.options.isdisjoint({"single-request", "single-request-reopen"})

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
            servers += _server(re.split(r"[\s;]|#", rest.strip(), maxsplit=1)[0])
        elif keyword == "options":
            settings += words
        elif keyword == "domain":
            domains = words[:1] or domains
        elif keyword == "search":
            domains = words or domains
    if "LOCALDOMAIN" in environ:
        domains = environ["LOCALDOMAIN"].split()
    settings += environ.get("RES_OPTIONS", "").split()
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
        if match := re.match(r"([a-z]+)[ \t](.*)", line):
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
    options = set()
    for setting in settings:
        name, colon, number = setting.partition(":")
        if colon and name in _LIMITS:
            digits = re.match(r"\d*", number)
            numbers[name] = min(int(digits[0] or 0) if digits else 0, _LIMITS[name])
        else:
            options.add(name.replace("_", "-"))
    return numbers, frozenset(options)
