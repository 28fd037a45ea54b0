"""Name servers, and what has been learnt of each."""

from __future__ import annotations

import random
import socket
import time
from typing import Any

from triloop.adapters.resolver import ServerAddress

__all__ = ["Server", "in_order"]

# The seconds for which a server that stayed silent is asked after the others.
_PENALTY = 30.0


class Server:
    """A name server.

    Args:
        address: An address literal and a port.

    Attributes:
        knows_edns: False once it has refused a question for its EDNS record.
        keeps_case: Whether it repeats a name to the letter; None while that is not known.
        is_remote: Whether others might answer in its place: not on the loopback.
    """

    __slots__ = (
        "_answered_at",
        "_silent_at",
        "address",
        "family",
        "is_remote",
        "keeps_case",
        "knows_edns",
        "sockaddr",
    )

    def __init__(self, address: ServerAddress) -> None:
        host, port = self.address = address
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        info = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=flags)[0]
        self.family: int = info[0]
        self.sockaddr: Any = info[4]
        self.is_remote = not (host.startswith("127.") or host == "::1")
        self.knows_edns = True
        self.keeps_case: bool | None = None
        self._answered_at = 0.0
        self._silent_at: float | None = None

    def __repr__(self) -> str:
        return f"{self.address[0]} port {self.address[1]}"

    @property
    def is_silent(self) -> bool:
        """Whether the last that is known of it is that it did not answer."""
        return self._silent_at is not None

    @property
    def may_be_back(self) -> bool:
        """Whether a silent server should be tried again."""
        return self._silent_at is not None and time.monotonic() > self._silent_at + _PENALTY

    def answered(self) -> None:
        """It has answered."""
        self._answered_at = time.monotonic()
        self._silent_at = None

    def missed(self, asked_at: float) -> None:
        """It has not answered what it was asked at that time.

        One lost datagram is no silence: it counts if it has answered nothing else since.
        """
        if self._answered_at <= asked_at:
            self._silent_at = time.monotonic()

    def excuse(self) -> None:
        """Let it not be tried again for a while, whatever comes of the present try."""
        self._silent_at = time.monotonic()


def in_order(servers: list[Server], *, rotate: bool) -> list[Server]:
    """The order to ask servers in: those that are silent come last.

    A silent one comes first again, for one question, when its time has passed.

    Args:
        servers: In the order of the configuration.
        rotate: Whether to begin anywhere, so that each has its share.
    """
    if rotate:
        begin = random.randrange(len(servers))
        servers = servers[begin:] + servers[:begin]
    for server in servers:
        if server.is_silent:
            break
    else:
        return servers[:]
    return sorted(servers, key=lambda server: server.is_silent and not server.may_be_back)
