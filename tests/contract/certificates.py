"""A certificate for localhost, made when the tests run."""

from __future__ import annotations

import ssl

import trustme
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate as TwistedCertificate
from twisted.internet.ssl import CertificateOptions, PrivateCertificate, optionsForClientTLS

NAME = "localhost"


class Certificate:
    """A private key and its certificate, and the authority that has signed it."""

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self._leaf = self._authority.issue_cert(NAME, "127.0.0.1")

    def server_context(self) -> ssl.SSLContext:
        """For a server of Tornado or asyncio."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._leaf.configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """For a client of Tornado or asyncio, which trusts this authority only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        return context

    def server_options(self) -> CertificateOptions:
        """For a server of Twisted."""
        pem = self._leaf.private_key_and_cert_chain_pem.bytes()
        options: CertificateOptions = PrivateCertificate.loadPEM(pem).options()
        return options

    def client_options(self) -> IOpenSSLClientConnectionCreator:
        """For a client of Twisted, which trusts this authority only."""
        root = TwistedCertificate.loadPEM(self._authority.cert_pem.bytes())
        options: IOpenSSLClientConnectionCreator = optionsForClientTLS(NAME, trustRoot=root)
        return options
