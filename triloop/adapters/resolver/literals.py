"""Arguments that need no lookup: address literals, ports, services."""

from __future__ import annotations

import functools
import re
import socket
from typing import Any

from triloop.adapters.resolver.errors import FamilyError, resolution_error
from triloop.adapters.resolver.names import Name, parse_name

__all__ = [
    "Address",
    "Port",
    "check_family",
    "literal",
    "parse_host",
    "parse_request",
    "port_number",
    "with_port",
]

#: A family, and a socket address of it.
Address = tuple[int, Any]
Port = int | str | bytes | None


_MAX_PORT = 65535
# What an address literal may begin with: a digit, a colon somewhere; or the name of 0.0.0.0.
_LITERAL = re.compile(rb"\d|.*:|\*", re.DOTALL)
_DIGITS = frozenset("0123456789")
_FAMILIES = frozenset((socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6))
_INET, _INET6 = socket.AF_INET, socket.AF_INET6


def parse_request(host: str | bytes | None, port: Port, family: int) -> tuple[Name | None, int]:
    """Check the arguments of a lookup.

    Returns:
        The name to look up and the number of the port; no name if ``host`` is an address literal.

    Raises:
        TypeError: An argument is of a wrong type.
        socket.gaierror: One makes no sense.
    """
    if not (isinstance(host, (str, bytes)) or host is None):
        raise TypeError(f"host needs a str, bytes or None; got {host!r}")
    check_family(family)
    number = port_number(port)  # the first error is that of the port
    return parse_host(host), number


@functools.lru_cache(maxsize=4096)
def parse_host(host: str | bytes | None) -> Name | None:
    """The name to look up; None if ``host`` is an address literal, or has to be one.

    Raises:
        socket.gaierror: EAI_NONAME: it has no ASCII form.
    """
    try:
        name = parse_name(host) if host else None
    except UnicodeError as failed:
        raise resolution_error(socket.EAI_NONAME, host) from failed
    may_be_literal = name is None or _LITERAL.match(name.text)
    return None if may_be_literal and _is_literal(host) else name


def _is_literal(host: str | bytes | None) -> bool:
    try:
        return literal(host, 0, socket.AF_UNSPEC) is not None
    except socket.gaierror:
        return True


def check_family(family: object) -> None:
    """Refuse what is not an address family.

    Raises:
        TypeError: It is not a number.
        socket.gaierror: EAI_FAMILY, also a ValueError: the number is not a family.
    """
    if not isinstance(family, int) or isinstance(family, bool):
        raise TypeError(f"family needs socket.AF_INET, AF_INET6 or AF_UNSPEC; got {family!r}")
    if family not in _FAMILIES:
        raise FamilyError(
            socket.EAI_FAMILY,
            f"{family!r} was taken for an address family, and is none: use socket.AF_INET, "
            "AF_INET6 or AF_UNSPEC. triloop.resolve takes (host, family, port), a Tornado resolver "
            f"(host, port, family): write port={family!r} if that is what it is",
        )


def port_number(port: Port) -> int:
    """The number of a port.

    Args:
        port: A number, the digits of one, the name of a TCP service, or None for 0.

    Raises:
        TypeError: It is of another type.
        socket.gaierror: EAI_SERVICE: there is no such port or service.
    """
    if port is None:
        return 0
    if isinstance(port, int) and not isinstance(port, bool):
        if not 0 <= port <= _MAX_PORT:
            raise resolution_error(socket.EAI_SERVICE, port)
        return port
    if not isinstance(port, (str, bytes)):
        raise TypeError(f"port needs an int, a str or None; got {port!r}")
    return _service(port)


@functools.lru_cache(maxsize=64)
def _service(name: str | bytes) -> int:
    text = name if isinstance(name, str) else name.decode("latin-1")
    if not text:
        return 0
    if text.lstrip().isdecimal() and text.isascii():
        return port_number(int(text))
    try:
        return int(socket.getaddrinfo(None, text, type=socket.SOCK_STREAM)[0][4][1])
    except (OSError, UnicodeError):
        raise resolution_error(socket.EAI_SERVICE, name) from None


def literal(host: str | bytes | None, port: int, family: int) -> list[Address] | None:
    """Read an address literal, in every form that getaddrinfo takes.

    Args:
        host: The literal; None for the loopback.
        port: The port to put in.
        family: ``AF_INET``, ``AF_INET6`` or ``AF_UNSPEC``.

    Returns:
        The addresses; None if ``host`` is a name.

    Raises:
        socket.gaierror: It is a malformed literal, or one of another family.
    """
    text = _ascii_form(host) if host else host
    if text:
        has_colon = ":" in text
        if "\0" in text or not (has_colon or text[0] in _DIGITS or text == "*"):
            return None
    try:
        infos = socket.getaddrinfo(text, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except socket.gaierror as failed:
        if failed.errno == socket.EAI_NONAME and host and not has_colon:
            return None
        raise type(failed)(failed.errno, f"{failed.strerror}: {host!r}") from None
    return [(info[0], info[4]) for info in infos]


def _ascii_form(host: str | bytes) -> str:
    """What a literal may be read from: a full-width digit is one too. A space if there is none."""
    text = host if isinstance(host, str) else host.decode("latin-1")
    if text.isascii():
        return text
    try:
        return parse_name(host).text.decode("latin-1") if isinstance(host, str) else " "
    except UnicodeError:
        return " "


def with_port(addresses: tuple[str, ...], port: int) -> list[Address]:
    """Make socket addresses from literals."""
    return [
        (_INET6, (text, port, 0, 0)) if ":" in text else (_INET, (text, port)) for text in addresses
    ]
