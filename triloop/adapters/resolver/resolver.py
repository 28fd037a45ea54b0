"""Names to addresses on a Twisted reactor, without threads.

`TwistedResolver` is a Tornado ``Resolver``; `resolve` is the same as one coroutine. An address
literal needs no asking, the hosts file goes before DNS, and of DNS the A and the AAAA records are
asked for at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import socket
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from tornado.netutil import Resolver

from triloop.adapters.resolver.dns_client import (
    DnsClient,
    IResolvingReactor,
    NoSuchAddressError,
    Server,
    resolution_error,
)
from triloop.adapters.twisted_in_asyncio.reactor import reactor_in
from triloop.awaitables import as_future

__all__ = ["TwistedResolver", "resolve"]

# The port that DNS is asked on.
_DOMAIN = 53

Address = tuple[int, Any]


async def resolve(
    host: str | bytes | None, family: int = socket.AF_UNSPEC, port: int = 0
) -> list[Address]:
    """Resolve a name on the reactor of the running loop.

    Takes the servers and files that ``Resolver.configure("triloop.TwistedResolver", ...)`` was
    given, and the system's otherwise. To be awaited in the loop's thread; in a Twisted coroutine,
    await ``as_deferred(resolve(...))``.

    Args:
        host: A name (an internationalised one too), an address literal, or None for the loopback.
        family: ``AF_INET``, ``AF_INET6``, or ``AF_UNSPEC`` for both.
        port: The port to put in the socket addresses.

    Returns:
        All addresses as ``(family, sockaddr)``, the most preferable first: those of a family that
        this machine has a route for before the others, then IPv6 before IPv4, then in the order
        of the answers.

    Raises:
        OSError: There is no address: `socket.gaierror`, with the codes of ``getaddrinfo``.
        RuntimeError: The running loop has no Twisted reactor.
    """
    if issubclass(Resolver.configured_class(), TwistedResolver):
        resolver = cast("TwistedResolver", Resolver())
    else:
        resolver = TwistedResolver()
    return await resolver.resolve(host, port, family)


class TwistedResolver(Resolver):
    """A Tornado resolver that asks name servers through a Twisted reactor.

    Options are given by keyword, to the class or to ``Resolver.configure``.

    Args:
        servers: Name servers as ``(address, port)``, asked in this order. Default: those of
            ``resolv``.
        timeout: The seconds to wait for each server, one number a round: a server that stays
            silent is asked again in the next round.
        resolv: The path of a resolv.conf(5); read again when it changes.
        hosts: The path of a hosts(5) file; read again when it changes.
        reactor: The reactor to ask through. Default: the running loop's.
    """

    def initialize(
        self,
        *,
        servers: Sequence[Server] | None = None,
        timeout: Sequence[float] = (1.0, 3.0, 6.0),
        resolv: str = "/etc/resolv.conf",
        hosts: str = "/etc/hosts",
        reactor: IResolvingReactor | None = None,
    ) -> None:
        """Take the options; see the class."""
        self._servers = servers
        self._timeout = timeout
        self._resolv = resolv
        self._hosts = hosts
        self._reactor = reactor

    async def resolve(
        self, host: str | bytes | None, port: int, family: int = socket.AF_UNSPEC
    ) -> list[Address]:
        """Resolve ``host``; arguments, result and errors as of `triloop.resolve`."""
        numeric = _numeric(host, port, family)
        if numeric is not None or host is None:
            return numeric or []
        name = _domain(host)
        addresses = self._local(name, family) or await self._remote(name, family)
        found = [sockaddr for text in addresses for sockaddr in _numeric(text, port, family) or []]
        return _preferable_first(dict.fromkeys(found))

    def _local(self, name: bytes, family: int) -> list[str]:
        """What can be known without asking: the hosts file, and what localhost means."""
        known = _hosts_of(_content(self._hosts)).get(name.lower().rstrip(b"."), [])
        addresses = [text for text in known if family in {socket.AF_UNSPEC, _family_of(text)}]
        if addresses or not _is_localhost(name):
            return addresses
        # RFC 6761, 6.3: a name under localhost is never asked for.
        if known:
            raise resolution_error(socket.EAI_NONAME)
        loopbacks = {socket.AF_INET6: "::1", socket.AF_INET: "127.0.0.1"}
        return [text for key, text in loopbacks.items() if family in {socket.AF_UNSPEC, key}]

    async def _remote(self, name: bytes, family: int) -> list[str]:
        """Ask DNS for each name that ``name`` may stand for."""
        reactor = self._reactor or _current_reactor()
        servers = self._servers or _servers_of(_content(self._resolv))
        client = DnsClient(reactor, servers, self._timeout)
        *others, last = _candidates(name)
        for candidate in others:
            with contextlib.suppress(NoSuchAddressError):
                return await as_future(client.addresses(candidate, family))
        return await as_future(client.addresses(last, family))


def _current_reactor() -> IResolvingReactor:
    """The reactor that goes with the running loop."""
    loop = asyncio.get_running_loop()
    reactor: Any = getattr(loop, "reactor", None) or reactor_in(loop)
    if reactor is None:
        reactor = sys.modules.get("twisted.internet.reactor")
        # Asking through a reactor that runs in another loop would wait for ever.
        if getattr(reactor, "_asyncioEventloop", loop) is not loop and reactor.running:
            reactor = None
    if reactor is None:
        raise RuntimeError(
            "no Twisted reactor goes with the running loop: call triloop.install() before the loop "
            "runs, run triloop.TwistedIOLoop, or give TwistedResolver a reactor"
        )
    return cast("IResolvingReactor", reactor)


# -- names, literals and files ------------------------------------------------------------------


def _numeric(host: str | bytes | None, port: int, family: int) -> list[Address] | None:
    """The addresses of a literal, or of None; None if ``host`` is a name."""
    flags = socket.AI_NUMERICHOST
    try:
        infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, flags)
    except UnicodeError:
        return None
    except socket.gaierror as failed:
        is_name = failed.errno == socket.EAI_NONAME and host and (":" not in _text(host))
        if not is_name:
            raise
        return None
    return [(info[0], info[4]) for info in infos]


def _text(host: str | bytes) -> str:
    return host if isinstance(host, str) else host.decode("latin-1")


def _domain(host: str | bytes) -> bytes:
    """The name as DNS has it: an internationalised one in its ASCII form."""
    try:
        name = host if isinstance(host, bytes) else host.encode("idna")
    except UnicodeError as failed:
        raise resolution_error(socket.EAI_NONAME) from failed
    labels = name.rstrip(b".").split(b".")
    if len(name.rstrip(b".")) > 253 or not all(0 < len(label) < 64 for label in labels):
        raise resolution_error(socket.EAI_NONAME)
    return name


def _candidates(name: bytes) -> list[bytes]:
    """The full names to ask for, in order, until one has an address."""
    return [name.rstrip(b".")]


def _is_localhost(name: bytes) -> bool:
    return name.lower().rstrip(b".").split(b".")[-1] == b"localhost"


def _family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _preferable_first(addresses: Iterable[Address]) -> list[Address]:
    """In the order of RFC 6724's rules 1 (avoid unusable destinations) and 6 (IPv6 first)."""
    ordered = list(addresses)
    if len({family for family, _ in ordered}) > 1:
        ordered.sort(key=lambda address: (not _has_route(*address), address[0] == socket.AF_INET))
    return ordered


def _has_route(family: int, sockaddr: tuple[Any, ...]) -> bool:
    # Connecting a datagram socket sends nothing; port 0 would be refused on some systems.
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((sockaddr[0], 9, *sockaddr[2:]))
    except OSError:
        return False
    return True


def _content(path: str) -> bytes:
    """The content of a small file, which is read again only when it has changed."""
    try:
        stat = Path(path).stat()
        return _read(path, (stat.st_mtime_ns, stat.st_size, stat.st_ino))
    except OSError:
        return b""


@functools.lru_cache(maxsize=8)
def _read(path: str, stamp: tuple[int, int, int]) -> bytes:
    return Path(path).read_bytes()


def _fields(content: bytes, comments: bytes) -> Iterable[list[bytes]]:
    for line in content.splitlines():
        if fields := re.split(comments, line, maxsplit=1)[0].split():
            yield fields


@functools.lru_cache(maxsize=8)
def _hosts_of(content: bytes) -> dict[bytes, list[str]]:
    """The addresses of each name in a hosts(5) file."""
    hosts: dict[bytes, list[str]] = {}
    for address, *names in _fields(content, b"#"):
        if _is_literal(text := address.decode("latin-1")):
            for name in names:
                hosts.setdefault(name.lower().rstrip(b"."), []).append(text)
    return hosts


@functools.lru_cache(maxsize=8)
def _servers_of(content: bytes) -> list[Server]:
    """The name servers of a resolv.conf(5) file."""
    servers = [
        (text, _DOMAIN)
        for keyword, *values in _fields(content, b"[#;]")
        if keyword == b"nameserver" and values and _is_literal(text := values[0].decode("latin-1"))
    ]
    return servers or [("127.0.0.1", _DOMAIN)]


def _is_literal(text: str) -> bool:
    try:
        return bool(_numeric(text, 0, socket.AF_UNSPEC))
    except OSError:
        return False
