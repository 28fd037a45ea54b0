"""The ports for datagrams that a :class:`TornadoReactor` hands out.

They are Twisted's own, with two differences: KeyboardInterrupt and SystemExit leave them; and the
destination of a datagram is not checked each time. Twisted checks three times that it is an address
and not a name, which costs more than to send the datagram.
"""

from __future__ import annotations

import errno
import socket
from functools import lru_cache
from typing import Any

from twisted.internet import error, udp, unix
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.python import log

from triloop.adapters.twisted_in_asyncio.contexts import InContext
from triloop.adapters.twisted_in_asyncio.log_contexts import keeps_log_context
from triloop.adapters.twisted_in_asyncio.poller import LeanReactor
from triloop.private.twisted import adopt_port

__all__ = ["DatagramReactor"]

_REMEMBERED = 4096
#: The errors of a read that found nothing.
_NO_NEWS = (errno.EINTR, errno.EWOULDBLOCK, errno.EAGAIN)

_is_ipv4 = lru_cache(_REMEMBERED)(isIPAddress)
_is_ipv6 = lru_cache(_REMEMBERED)(isIPv6Address)


class Reading(InContext, udp.Port):
    """A datagram port whose protocol may interrupt the run; Twisted's would log the interrupt."""

    def doRead(self) -> None:
        """Hand the datagrams that wait to the protocol."""
        read = 0
        while read < self.maxThroughput:
            try:
                data, address = self.socket.recvfrom(self.maxPacketSize)
            except OSError as problem:
                self._not_read(problem)
                return
            read += len(data)
            try:
                self._hand_over(data, address)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # noqa: BLE001 - the application's; it is logged
                log.err()

    def _hand_over(self, data: bytes, address: Any) -> None:
        if self.addressFamily == socket.AF_INET6:
            address = address[:2]
        self.protocol.datagramReceived(data, address)

    def _not_read(self, problem: OSError) -> None:
        """Handle the failure of a read as Twisted does; a read that found nothing is ignored."""
        if problem.errno == errno.ECONNREFUSED:
            if self._connectedAddr:
                self.protocol.connectionRefused()
        elif problem.errno not in _NO_NEWS:
            raise problem

    def connectionLost(self, reason: Any = None) -> None:
        """Stop the protocol; then tell the caller of ``stopListening``, in the present context."""
        stopped = vars(self).pop("d", None)
        super().connectionLost(reason)
        if stopped is not None:
            stopped.callback(None)


@keeps_log_context
class Port(Reading, udp.Port):
    """A UDP port that caches which hosts are addresses."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self._is_address = _is_ipv6 if self.addressFamily == socket.AF_INET6 else _is_ipv4

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> None:
        """See :meth:`twisted.internet.interfaces.IUDPTransport.write`."""
        if not addr or self._connectedAddr or not self._is_address(addr[0]):
            return super().write(datagram, addr)
        try:
            # Twisted's returns the number of bytes, against its own annotation.
            return self.socket.sendto(datagram, addr)  # type: ignore[return-value]
        except OSError:
            return super().write(datagram, addr)  # it handles the error


class MulticastPort(Reading, udp.MulticastPort):
    """A UDP port for multicast groups."""


class UNIXPort(Reading, unix.DatagramPort):
    """A UNIX socket for datagrams."""


class ConnectedUNIXPort(Reading, unix.ConnectedDatagramPort):
    """A UNIX socket for datagrams that is connected to one peer."""

    def _hand_over(self, data: bytes, address: Any) -> None:
        self.protocol.datagramReceived(data)

    def _not_read(self, problem: OSError) -> None:
        if problem.errno == errno.ECONNREFUSED:
            self.protocol.connectionRefused()
        else:
            super()._not_read(problem)


class DatagramReactor(LeanReactor):
    """IReactorUDP, and IReactorSocket for datagrams, with the ports of this module."""

    def listenUDP(
        self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192
    ) -> Port:
        """See :meth:`twisted.internet.interfaces.IReactorUDP.listenUDP`."""
        listening = Port(port, protocol, interface, maxPacketSize, self)
        listening.startListening()
        return listening

    def listenMulticast(
        self,
        port: int,
        protocol: Any,
        interface: str = "",
        maxPacketSize: int = 8192,
        listenMultiple: bool = False,
    ) -> MulticastPort:
        """See :meth:`twisted.internet.interfaces.IReactorMulticast.listenMulticast`."""
        listening = MulticastPort(port, protocol, interface, maxPacketSize, self, listenMultiple)
        listening.startListening()
        return listening

    def listenUNIXDatagram(
        self, address: Any, protocol: Any, maxPacketSize: int = 8192, mode: int = 0o666
    ) -> UNIXPort:
        """See :meth:`twisted.internet.interfaces.IReactorUNIXDatagram.listenUNIXDatagram`."""
        listening = UNIXPort(address, protocol, maxPacketSize, mode, self)
        listening.startListening()
        return listening

    def connectUNIXDatagram(
        self,
        address: Any,
        protocol: Any,
        maxPacketSize: int = 8192,
        mode: int = 0o666,
        bindAddress: Any = None,
    ) -> ConnectedUNIXPort:
        """See :meth:`twisted.internet.interfaces.IReactorUNIXDatagram.connectUNIXDatagram`."""
        port = ConnectedUNIXPort(address, protocol, maxPacketSize, mode, bindAddress, self)
        port.startListening()
        return port

    def adoptDatagramPort(
        self, fileDescriptor: int, addressFamily: int, protocol: Any, maxPacketSize: int = 8192
    ) -> Port:
        """See :meth:`twisted.internet.interfaces.IReactorSocket.adoptDatagramPort`."""
        if addressFamily not in {socket.AF_INET, socket.AF_INET6}:
            raise error.UnsupportedAddressFamily(addressFamily)
        listening: Port = adopt_port(
            Port, self, fileDescriptor, addressFamily, protocol, maxPacketSize=maxPacketSize
        )
        listening.startListening()
        return listening
