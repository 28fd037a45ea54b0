"""Servers as Twisted's users write them. To be imported when a reactor is installed."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import DatagramProtocol, Factory, Protocol

__all__ = ["datagrams", "echo", "listen", "tls"]

_BACKLOG = 1024
_LOCAL = "127.0.0.1"


class Echo(Protocol):
    """Sends back what it gets."""

    def connectionMade(self) -> None:
        """As every other contender does."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        """See :meth:`twisted.internet.interfaces.IProtocol.dataReceived`."""
        self.transport.write(data)  # type: ignore[union-attr]


class EchoDatagrams(DatagramProtocol):
    """Sends back what it gets."""

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """See :meth:`twisted.internet.protocol.DatagramProtocol.datagramReceived`."""
        self.transport.write(datagram, addr)  # type: ignore[union-attr]


def echo(reactor: Any) -> int:
    """A Protocol; the port."""
    return listen(reactor, Echo)


def listen(reactor: Any, protocol: type[Protocol]) -> int:
    """Any Protocol; the port."""
    factory = Factory.forProtocol(protocol)
    return _port(reactor.listenTCP(0, factory, _BACKLOG, _LOCAL))


def tls(reactor: Any) -> int:
    """The same behind TLS; the port."""
    from OpenSSL import crypto
    from twisted.internet.ssl import CertificateOptions

    from benchmarks.certificate import pem_pair

    key, certificate = pem_pair()
    options = CertificateOptions(
        privateKey=crypto.load_privatekey(crypto.FILETYPE_PEM, key),
        certificate=crypto.load_certificate(crypto.FILETYPE_PEM, certificate),
    )
    factory = Factory.forProtocol(Echo)
    return _port(reactor.listenSSL(0, factory, options, _BACKLOG, _LOCAL))


def datagrams(reactor: Any) -> int:
    """A DatagramProtocol; the port."""
    return _port(reactor.listenUDP(0, EchoDatagrams(), _LOCAL))


def _port(listening: Any) -> int:
    return int(listening.getHost().port)
