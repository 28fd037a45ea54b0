"""The options of a resolver: their types and defaults."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from triloop.adapters.resolver import ServerAddress
from triloop.adapters.resolver.errors import AddressError

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """The options of a resolver, checked for type and value.

    Attributes:
        servers: Name servers as ``(address, port)``, to be asked in this order; None for those of
            ``resolv``.
        timeout: The seconds to wait for a server, one number for each round; None for what
            ``resolv`` says, otherwise 1, 1, 2, 3, 3.
        resolv: The path of a resolv.conf(5).
        hosts: The path of a hosts(5) file.
        nsswitch: The path of an nsswitch.conf(5).
        gai: The path of a gai.conf(5).
        cache_size: How many answers are kept; 0 keeps none.
        max_in_flight: How many questions may be under way at once.
    """

    servers: tuple[ServerAddress, ...] | None = None
    timeout: tuple[float, ...] | None = None
    resolv: str = "/etc/resolv.conf"
    hosts: str = "/etc/hosts"
    nsswitch: str = "/etc/nsswitch.conf"
    gai: str = "/etc/gai.conf"
    cache_size: int = 10_000
    max_in_flight: int = 100

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Settings:
        """Check options.

        Raises:
            TypeError: One is of a wrong type, or there is none of that name.
            ValueError: The value of one is out of range.
        """
        known = {field.name for field in fields(cls)}
        for name in options:
            if name not in known:
                raise TypeError(
                    f"{name!r} is not an option of a resolver: {', '.join(sorted(known))}"
                )
        return cls(**{name: _CHECKS[name](name, value) for name, value in options.items()})


def _servers(name: str, value: object) -> tuple[ServerAddress, ...] | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise TypeError(f"{name} needs a list of (address, port); got {value!r}")
    if not value:
        raise ValueError(f"{name} is empty: give an (address, port), or None for resolv.conf's")
    return tuple(_server(name, server) for server in value)


def _server(name: str, server: object) -> ServerAddress:
    if not isinstance(server, (tuple, list)) or len(server) < 2:
        raise TypeError(f"{name} needs pairs of an address and a port; got {server!r}")
    address, port, *rest = server
    if len(rest) == 2 and _is_int(rest[1]) and rest[1] and "%" not in str(address):
        address = f"{address}%{rest[1]}"  # the scope, as a socket has it
    if not isinstance(address, str) or not _is_int(port):
        raise TypeError(f"{name} needs pairs of a str and an int; got {server!r}")
    if not 0 < port < 65536:
        raise ValueError(f"{name}: a port is between 1 and 65535; got {port!r}")
    try:
        socket.getaddrinfo(address, port, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        raise AddressError(
            socket.EAI_NONAME,
            f"{name}: a name server is given by its address, not by a name; got {address!r}",
        ) from None
    return address, port


def _timeout(name: str, value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise TypeError(f"{name} needs a list of seconds, one number a round; got {value!r}")
    for number in value:
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise TypeError(f"{name} needs numbers of seconds; got {number!r}")
        if not 0 < number < float("inf"):
            raise ValueError(f"{name} needs positive numbers of seconds; got {number!r}")
    if not value:
        raise ValueError(f"{name} is empty: it needs one number for each round")
    return tuple(map(float, value))


def _path(name: str, value: object) -> str:
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} needs the path of a file; got {value!r}")
    return str(os.fspath(value))


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(name: str, value: Any) -> int:
    least = 0 if name == "cache_size" else 1
    if not _is_int(value):
        raise TypeError(f"{name} needs an int; got {value!r}")
    if value < least:
        raise ValueError(f"{name} needs {least} at least; got {value!r}")
    return int(value)


_CHECKS: dict[str, Any] = {
    "servers": _servers,
    "timeout": _timeout,
    "resolv": _path,
    "hosts": _path,
    "nsswitch": _path,
    "gai": _path,
    "cache_size": _number,
    "max_in_flight": _number,
}
