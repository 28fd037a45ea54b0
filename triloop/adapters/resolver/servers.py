"""Name servers, and what is known about each."""

from __future__ import annotations

import random
import socket
import time
from typing import Any

from triloop.adapters.resolver import ServerAddress

__all__ = ["Server", "in_order"]

# Seconds for which a server that did not answer is asked after the others.
_PENALTY = 30.0


class Server:
    """A name server.

    Args:
        address: An address literal and a port.

    Attributes:
        knows_edns: Whether it answers questions with an EDNS record; None if not known yet.
        keeps_case: Whether it repeats names with the case of each letter; None if not known yet.
        silent_at: When it was found not to answer, in seconds of ``time.monotonic``; None if it
            answered the last time.
        is_remote: Whether other machines could forge its answers: it is not on the loopback.
    """

    __slots__ = (
        "_answered_at",
        "address",
        "family",
        "is_remote",
        "keeps_case",
        "knows_edns",
        "silent_at",
        "sockaddr",
    )

    def __init__(self, address: ServerAddress) -> None:
        host, port = self.address = address
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        info = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=flags)[0]
        self.family: int = info[0]
        self.sockaddr: Any = info[4]
        self.is_remote = not (host.startswith("127.") or host == "::1")
        self.knows_edns: bool | None = None
        self.keeps_case: bool | None = None
        self._answered_at = 0.0
        self.silent_at: float | None = None

    def __repr__(self) -> str:
        return f"{self.address[0]} port {self.address[1]}"

    @property
    def is_due_for_retry(self) -> bool:
        """Whether a silent server should be tried again."""
        return self.silent_at is not None and time.monotonic() > self.silent_at + _PENALTY

    def answered(self, *, with_edns: bool) -> None:
        """Note an answer to a question with EDNS or without."""
        if with_edns or self.knows_edns is None:
            self.knows_edns = with_edns
        self._answered_at = time.monotonic()
        self.silent_at = None

    def missed(self, asked_at: float) -> None:
        """Note that it has not answered a question that was sent at ``asked_at``.

        One lost datagram does not count: it is silent if it has answered nothing else since.
        """
        if self._answered_at <= asked_at:
            self.silent_at = time.monotonic()

    def put_off_retry(self) -> None:
        """Do not try it again for a while, whatever the result of the present try."""
        self.silent_at = time.monotonic()


def in_order(servers: list[Server], *, rotate: bool) -> list[Server]:
    """The order to ask servers in: those that are silent come last.

    A silent one keeps its place for one question when it is due for another try.

    Args:
        servers: In the order of the configuration.
        rotate: Whether to begin with a random one, so that all are used equally.
    """
    if len(servers) < 2:
        return servers[:]
    if rotate:
        begin = random.randrange(len(servers))
        servers = servers[begin:] + servers[:begin]
    for server in servers:
        if server.silent_at is not None:
            break
    else:
        return servers[:]
    return sorted(servers, key=_comes_last)


def _comes_last(server: Server) -> bool:
    return server.silent_at is not None and not server.is_due_for_retry
