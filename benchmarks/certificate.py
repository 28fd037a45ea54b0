"""A certificate for the TLS servers, made anew for each."""

from __future__ import annotations

import ssl

import trustme

__all__ = ["pem_pair", "server_context"]


def _leaf() -> trustme.LeafCert:
    return trustme.CA().issue_cert("localhost")


def pem_pair() -> tuple[bytes, bytes]:
    """A private key and its certificate, both as PEM."""
    leaf = _leaf()
    return leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes()


def server_context() -> ssl.SSLContext:
    """The same for the standard library."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _leaf().configure_cert(context)
    return context
