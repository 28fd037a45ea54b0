"""This machine's addresses and links, read from Linux over netlink(7)."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["OwnAddress", "own_addresses"]

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_DONE, _ERROR = 3, 2
_GET_LINK, _GET_ADDRESS = 18, 22
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_HOME, _IFA_DEPRECATED, _IFA_OPTIMISTIC = 0x10, 0x20, 0x04
_TUNNELS = {768, 769, 776, 778}  # ARPHRD_TUNNEL, _TUNNEL6, _SIT, _IPGRE
_TIMEOUT = 0.01
_READ_SIZE = 65536


class OwnAddress(NamedTuple):
    """The properties of an address of this machine that matter for it as a source.

    Attributes:
        prefix: The length of its network's prefix.
        is_deprecated: Whether it should not be used for anything new.
        is_home: Whether it is a home address (Mobile IPv6).
        is_native: Whether its link is not a tunnel.
    """

    prefix: int = 0
    is_deprecated: bool = False
    is_home: bool = False
    is_native: bool = True


def own_addresses() -> dict[bytes, OwnAddress]:
    """All addresses of this machine, by their bytes; empty if the system does not give them."""
    found: dict[bytes, OwnAddress] = {}
    if sys.platform != "linux":
        return found
    try:
        netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    except OSError:
        return found
    with netlink, contextlib.suppress(OSError, struct.error):
        netlink.settimeout(_TIMEOUT)  # the kernel answers at once
        netlink.bind((0, 0))
        tunnels = {index for index, kind in _links(netlink) if kind in _TUNNELS}
        for index, packed, address in _addresses(netlink):
            found[packed] = address._replace(is_native=index not in tunnels)
    return found


def _links(netlink: socket.socket) -> Iterator[tuple[int, int]]:
    for body in _dump(netlink, _GET_LINK):
        _, kind, index, _, _ = _LINK.unpack_from(body)
        yield index, kind


def _addresses(netlink: socket.socket) -> Iterator[tuple[int, bytes, OwnAddress]]:
    for body in _dump(netlink, _GET_ADDRESS):
        _, prefix, flags, _, index = _ADDRESS.unpack_from(body)
        attributes = dict(_attributes(body[_ADDRESS.size :]))
        packed = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS, b"")
        deprecated = bool(flags & (_IFA_DEPRECATED | _IFA_OPTIMISTIC))
        yield index, packed, OwnAddress(prefix, deprecated, bool(flags & _IFA_HOME))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[max(length + 3 & ~3, _ATTRIBUTE.size) :]


def _dump(netlink: socket.socket, request: int) -> Iterator[bytes]:
    """The bodies of all messages in answer to a request."""
    body = bytes(_LINK.size)  # any family
    netlink.send(_HEADER.pack(_HEADER.size + len(body), request, _DUMP, 0, 0) + body)
    while True:
        data = netlink.recv(_READ_SIZE)
        while data:
            length, kind, _, _, _ = _HEADER.unpack_from(data)
            if kind in {_DONE, _ERROR}:
                return
            yield data[_HEADER.size : length]
            data = data[max(length + 3 & ~3, _HEADER.size) :]
