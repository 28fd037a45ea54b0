"""Addresses from DNS: questions to name servers over UDP, and TCP for what UDP truncates.

The messages are those of ``twisted.names.dns``. Its client is not used: it keeps timers and
connections of its own for as long as the process runs, asks the global reactor for some of them,
leaves a question's timer behind when the question is cancelled, goes on to the next server only
after a silence, and takes a refused datagram for silence.
"""

from __future__ import annotations

import secrets
import socket
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from twisted.internet import error
from twisted.internet.defer import Deferred, DeferredList, TimeoutError, maybeDeferred  # noqa: A004
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IReactorTCP, IReactorTime, IReactorUDP
from twisted.internet.protocol import DatagramProtocol, connectionDone
from twisted.names import dns
from twisted.protocols.basic import Int16StringReceiver

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from twisted.python.failure import Failure

__all__ = ["DnsClient", "IResolvingReactor", "NoSuchAddressError", "Server", "resolution_error"]

T = TypeVar("T")
Server = tuple[str, int]


class IResolvingReactor(IReactorTCP, IReactorUDP, IReactorTime):
    """What a reactor must offer to resolve names on it."""


# -- errors, as getaddrinfo gives them ----------------------------------------------------------

# Where an empty answer has an error of its own, getaddrinfo of Linux uses it.
_EAI_NODATA = socket.EAI_NODATA if sys.platform == "linux" else socket.EAI_NONAME
_NO_SUCH_ADDRESS = {_EAI_NODATA, socket.EAI_NONAME}
_MESSAGES = {
    _EAI_NODATA: "No address associated with hostname",
    socket.EAI_NONAME: "Name or service not known",
    socket.EAI_FAIL: "Non-recoverable failure in name resolution",
    socket.EAI_AGAIN: "Temporary failure in name resolution",
}
# Of the errors of several questions, the first of these says most about the name.
_GRAVITY = [socket.EAI_AGAIN, socket.EAI_FAIL, _EAI_NODATA, socket.EAI_NONAME]


class NoSuchAddressError(socket.gaierror):
    """DNS has answered that the name has no such address."""


def resolution_error(code: int) -> socket.gaierror:
    """Make the error that getaddrinfo gives for an ``EAI_`` code."""
    kind = NoSuchAddressError if code in _NO_SUCH_ADDRESS else socket.gaierror
    return kind(code, _MESSAGES[code])


# -- questions and answers ----------------------------------------------------------------------

_RECORD_TYPES = {socket.AF_INET6: dns.AAAA, socket.AF_INET: dns.A}
_MAX_ALIASES = 16
_UNREACHABLE = (TimeoutError, error.ConnectError, error.ConnectionClosed, ConnectionError)


class _NoReplyError(Exception):
    """A server could not be asked, or did not answer in time."""


class _Found(NamedTuple):
    """What a reply says: the name that the aliases lead to, and its addresses."""

    name: bytes
    addresses: list[str]


class DnsClient:
    """Asks name servers for the addresses of a name; its coroutines are Twisted's.

    Args:
        reactor: What to ask through; every call belongs to its thread.
        servers: Address literals with ports, in the order they are to be asked in.
        timeout: The seconds to wait for each server, one number a round.
    """

    def __init__(
        self, reactor: IResolvingReactor, servers: Sequence[Server], timeout: Sequence[float]
    ) -> None:
        self._reactor = reactor
        self._servers = servers
        self._timeout = timeout

    def addresses(self, name: bytes, family: int) -> Deferred[list[str]]:
        """Find the addresses of one family, or of both, which are asked for side by side.

        Args:
            name: A full domain name.
            family: ``AF_INET``, ``AF_INET6`` or ``AF_UNSPEC``.

        Returns:
            A Deferred of address literals. If there is none it fails with `socket.gaierror`, and
            with another OSError if no socket can be had. Cancelling it frees what it uses.
        """
        wanted = [key for key in _RECORD_TYPES if family in {socket.AF_UNSPEC, key}]
        questions = [Deferred.fromCoroutine(self._of_family(name, key)) for key in wanted]
        return DeferredList(questions, consumeErrors=True).addCallback(_combine)

    async def _of_family(self, name: bytes, family: socket.AddressFamily) -> list[str]:
        for _ in range(_MAX_ALIASES):
            reply = await self._ask(dns.Query(name, _RECORD_TYPES[family], dns.IN))
            found = _follow_aliases(reply, name, family)
            if found.addresses:
                return found.addresses
            if reply.rCode == dns.ENAME:
                raise resolution_error(socket.EAI_NONAME)
            if found.name == name:
                raise resolution_error(_EAI_NODATA)
            # The server told the alias, but not what it stands for.
            name = found.name
        raise resolution_error(socket.EAI_FAIL)

    async def _ask(self, query: dns.Query) -> dns.Message:
        """Ask the servers in order; a silent one again in the next, longer round."""
        asked = list(self._servers)
        for seconds in self._timeout:
            silent = []
            for server in asked:
                try:
                    reply = await self._exchange(server, query, seconds)
                except _NoReplyError:
                    silent.append(server)
                    continue
                if reply.rCode in {dns.OK, dns.ENAME}:
                    return reply
            asked = silent
        raise resolution_error(socket.EAI_AGAIN)

    async def _exchange(self, server: Server, query: dns.Query, seconds: float) -> dns.Message:
        request = dns.Message(id=secrets.randbelow(1 << 16), recDes=1)
        request.queries = [query]
        try:
            reply = await self._within(seconds, self._by_udp(server, request))
            if reply.trunc:
                reply = await self._within(seconds, self._by_tcp(server, request, seconds))
        except (
            TimeoutError,
            error.ConnectError,
            error.ConnectionClosed,
            ConnectionError,
        ) as failed:
            raise _NoReplyError from failed
        return reply

    async def _within(self, seconds: float, coroutine: Coroutine[Any, Any, T]) -> T:
        deferred: Deferred[T] = Deferred.fromCoroutine(coroutine)
        return await deferred.addTimeout(seconds, self._reactor)

    async def _by_udp(self, server: Server, request: dns.Message) -> dns.Message:
        host, _ = server
        exchange = _UdpExchange(request)
        interface = "::" if ":" in host else ""
        try:
            port = self._reactor.listenUDP(0, exchange, interface=interface, maxPacketSize=8192)
        except error.CannotListenError as failed:
            raise failed.socketError from failed
        try:
            exchange.ask(server)
            return await exchange.reply
        finally:
            await maybeDeferred(port.stopListening)

    async def _by_tcp(self, server: Server, request: dns.Message, seconds: float) -> dns.Message:
        # The name tells little: the endpoint takes an IPv6 literal as well.
        endpoint = TCP4ClientEndpoint(self._reactor, *server, timeout=seconds)
        exchange = _TcpExchange(request)
        await connectProtocol(endpoint, exchange)
        try:
            return await exchange.reply
        finally:
            await exchange.close()


def _combine(outcomes: list[tuple[bool, Any]]) -> list[str]:
    """All the addresses there are; if none, the error that says most."""
    addresses = [text for succeeded, found in outcomes if succeeded for text in found]
    if addresses:
        return addresses
    errors: list[BaseException] = [failure.value for _, failure in outcomes]
    for failed in errors:
        if not isinstance(failed, socket.gaierror):
            raise failed
    codes = {failed.errno for failed in cast("list[socket.gaierror]", errors)}
    raise resolution_error(next(code for code in _GRAVITY if code in codes))


def _follow_aliases(reply: dns.Message, name: bytes, family: socket.AddressFamily) -> _Found:
    records = [record for record in reply.answers if record.cls == dns.IN]
    aliases: dict[bytes, bytes] = {
        record.name.name.lower(): cast("Any", record.payload).name.name
        for record in records
        if record.type == dns.CNAME
    }
    for _ in range(len(aliases)):
        name = aliases.get(name.lower(), name)
    if name.lower() in aliases:
        raise resolution_error(socket.EAI_FAIL)
    addresses = [
        socket.inet_ntop(family, cast("Any", record.payload).address)
        for record in records
        if record.type == _RECORD_TYPES[family] and record.name.name.lower() == name.lower()
    ]
    return _Found(name, addresses)


def _reply_to(request: dns.Message, data: bytes) -> dns.Message | None:
    """The reply that ``data`` holds, if it is one to this request."""
    reply = dns.Message()
    try:
        reply.fromStr(data)
    except (EOFError, ValueError):
        return None
    # A server that could not read the question need not repeat it.
    questions = reply.queries or (request.queries if reply.rCode != dns.OK else [])
    if reply.id != request.id or not reply.answer or _key(questions) != _key(request.queries):
        return None
    return reply


def _key(queries: list[dns.Query]) -> list[tuple[bytes, int, int]]:
    return [(query.name.name.lower(), query.type, query.cls) for query in queries]


class _UdpExchange(DatagramProtocol):
    """One question over a socket of its own, connected: the kernel drops what others send."""

    noisy = False

    def __init__(self, request: dns.Message) -> None:
        self._request = request
        self.reply: Deferred[dns.Message] = Deferred()

    def ask(self, server: Server) -> None:
        """Send the question; the reply fails if there is no way to the server."""
        transport = cast("Any", self.transport)
        try:
            transport.connect(*server)
            transport.write(self._request.toStr())
        except OSError:
            self._fail()

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        """Take the reply; a datagram that is none is left unheeded, and the wait goes on."""
        reply = _reply_to(self._request, datagram)
        if reply is not None and not self.reply.called:
            self.reply.callback(reply)

    def connectionRefused(self) -> None:
        """Nobody listens there."""
        self._fail()

    def stopProtocol(self) -> None:
        """The socket has been closed: by its owner, who has the reply, or on an error."""
        self._fail()

    def _fail(self) -> None:
        if not self.reply.called:
            self.reply.errback(ConnectionRefusedError())


class _TcpExchange(Int16StringReceiver):
    """One question over a connection of its own."""

    def __init__(self, request: dns.Message) -> None:
        self._request = request
        self._closed: Deferred[None] = Deferred()
        self.reply: Deferred[dns.Message] = Deferred()

    def connectionMade(self) -> None:
        """Send the question."""
        self.sendString(self._request.toStr())  # type: ignore[no-untyped-call]

    def stringReceived(self, string: bytes) -> None:
        """Take the reply."""
        reply = _reply_to(self._request, string)
        if reply is not None and not self.reply.called:
            self.reply.callback(reply)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell who waits for the reply, or for the end."""
        if not self.reply.called:
            self.reply.errback(reason)
        self._closed.callback(None)

    def close(self) -> Deferred[None]:
        """End the connection at once; the Deferred fires when it has ended."""
        cast("Any", self.transport).abortConnection()
        return self._closed
