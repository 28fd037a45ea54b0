"""Names to addresses without threads, on the sockets of the loop that asks."""

from __future__ import annotations

import functools
from collections.abc import Iterable

__all__ = ["ServerAddress", "servers_of"]

ServerAddress = tuple[str, int]

# The port of name servers.
_DOMAIN = 53
# The server to ask where resolv.conf(5) names none.
_DEFAULT_SERVER = "127.0.0.1"


def servers_of(nameservers: Iterable[tuple[str, int | None]]) -> tuple[ServerAddress, ...]:
    """Give the name servers of a configuration their ports.

    Args:
        nameservers: Address literals, each with a port or None for the usual port.

    Returns:
        The servers, in the same order; the one on this machine if there are none.
    """
    return _servers_of(tuple(nameservers) or ((_DEFAULT_SERVER, None),))


@functools.lru_cache(maxsize=8)
def _servers_of(nameservers: tuple[tuple[str, int | None], ...]) -> tuple[ServerAddress, ...]:
    return tuple((address, port or _DOMAIN) for address, port in nameservers)
