"""The order of destinations: RFC 6724, section 6, as the C library applies it."""

from __future__ import annotations

import functools
import socket
import time

from triloop.adapters.resolver.gai_conf import Policy
from triloop.adapters.resolver.netlink import OwnAddress, own_addresses

__all__ = ["Orderer"]

_MAPPED = 0xFFFF << 32
# Connecting a datagram socket sends nothing; some systems refuse port 0.
_PORT = 9
# Seconds for which this machine's addresses and routes are assumed not to change.
_FRESH = 1.0
# More addresses than these are not put in order: each costs some system calls.
_MAX_ADDRESSES = 500

_LINK_LOCAL, _SITE_LOCAL, _GLOBAL = 2, 5, 14


class Orderer:
    """Puts the addresses of a name in order, the most preferable first.

    Args:
        policy: The tables to use.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._orders: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._own: dict[bytes, OwnAddress] | None = None
        # By address: its scope, its label, and what else is known of it.
        self._sources: dict[bytes, tuple[int, int, OwnAddress]] = {}
        self._until = 0.0

    def order(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Order address literals."""
        if not 1 < len(addresses) <= _MAX_ADDRESSES:
            return addresses
        now = time.monotonic()
        if now > self._until:
            self._until = now + _FRESH
            self._orders.clear()
            self._sources.clear()
            self._own = None
        ordered = self._orders.get(addresses)
        if ordered is None:
            ordered = self._orders[addresses] = self._order(addresses)
        return ordered

    def _order(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        ranked = [(":" in address, self._rank(address), address) for address in addresses]
        ranked.sort(key=functools.cmp_to_key(_compare))
        return tuple([address for _, _, address in ranked])

    def _rank(self, address: str) -> tuple[int, ...]:
        """How good a destination is, one number for each rule: the smallest is the best."""
        destination, source = _packed(address), _source(address)
        policy = self._policy
        number = _as_ipv6(destination)
        scope = self._scope(destination)
        if source is None:
            # Rules 1, 6 and 8 only: there is no source for an address that cannot be reached.
            return 1, 0, 0, 0, 0, -policy.precedence(number), 0, scope, 0
        its_scope, its_label, own = self._sources.get(source) or self._learn(source)
        return (
            0,  # rule 1: avoid unusable destinations
            its_scope != scope,  # rule 2: prefer matching scope
            own.is_deprecated,  # rule 3
            not own.is_home,  # rule 4
            its_label != policy.label(number),  # rule 5: matching label
            -policy.precedence(number),  # rule 6
            not own.is_native,  # rule 7
            scope,  # rule 8: prefer smaller scope
            -_common_prefix(destination, source, own.prefix),  # rule 9; rule 10 is a stable sort
        )

    def _learn(self, source: bytes) -> tuple[int, int, OwnAddress]:
        if self._own is None:
            self._own = own_addresses()
        label = self._policy.label(_as_ipv6(source))
        own = self._own.get(source) or OwnAddress()
        found = self._sources[source] = self._scope(source), label, own
        return found

    def _scope(self, packed: bytes) -> int:
        if len(packed) == 4:
            return self._policy.scope_of_ipv4(_as_ipv6(packed))
        if packed[0] == 0xFF:
            return packed[1] & 0xF
        first = packed[0] << 8 | packed[1] & 0xC0
        if first == 0xFE80 or packed == b"\0" * 15 + b"\1":
            return _LINK_LOCAL
        return _SITE_LOCAL if first == 0xFEC0 else _GLOBAL


_Ranked = tuple[bool, tuple[int, ...], str]


def _compare(one: _Ranked, other: _Ranked) -> int:
    """Which of two destinations is better; rule 9 is for two of the same family."""
    rank, its_rank = one[1], other[1]
    if rank == its_rank or (one[0] != other[0] and rank[:-1] == its_rank[:-1]):
        return 0
    return -1 if rank < its_rank else 1


def _as_ipv6(packed: bytes) -> int:
    number = int.from_bytes(packed, "big")
    return _MAPPED | number if len(packed) == 4 else number


def _common_prefix(destination: bytes, source: bytes, prefix: int) -> int:
    """The number of bits that two addresses have in common; for IPv4, 0 outside of the network."""
    bits = 8 * len(destination)
    differing = int.from_bytes(destination, "big") ^ int.from_bytes(source, "big")
    if bits == 32 and (not prefix or differing >> bits - prefix):
        return 0
    return bits - differing.bit_length()


def _source(address: str) -> bytes | None:
    """The source address that the system would choose; None if there is no route."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        # A new socket each time: a connected one keeps its source.
        probe = socket.SocketType(family, socket.SOCK_DGRAM)
    except OSError:
        return None
    try:
        probe.connect((address, _PORT))
        source: str = probe.getsockname()[0]
    except OSError:
        return None
    finally:
        probe.close()
    return _packed(source.partition("%")[0])


def _packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
