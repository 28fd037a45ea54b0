"""A certificate for localhost, made when the tests run."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate as TwistedCertificate
from twisted.internet.ssl import CertificateOptions, PrivateCertificate, optionsForClientTLS

NAME = "localhost"


@dataclass(frozen=True)
class Certificate:
    """A private key and its self-signed certificate, in one PEM file."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> Certificate:
        """Write a new one to ``path``."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ) + _signed(key).public_bytes(serialization.Encoding.PEM)
        path.write_bytes(pem)
        return cls(path)

    def server_context(self) -> ssl.SSLContext:
        """For a server of Tornado or asyncio."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.path)
        return context

    def client_context(self) -> ssl.SSLContext:
        """For a client of Tornado or asyncio, which trusts this certificate only."""
        return ssl.create_default_context(cafile=str(self.path))

    def server_options(self) -> CertificateOptions:
        """For a server of Twisted."""
        options: CertificateOptions = PrivateCertificate.loadPEM(self.path.read_bytes()).options()
        return options

    def client_options(self) -> IOpenSSLClientConnectionCreator:
        """For a client of Twisted, which trusts this certificate only."""
        authority = TwistedCertificate.loadPEM(self.path.read_bytes())
        options: IOpenSSLClientConnectionCreator = optionsForClientTLS(NAME, trustRoot=authority)
        return options


def _signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.timezone.utc)
    addresses = [x509.DNSName(NAME), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
