"""A server as users of twisted.web write it. To be imported when a reactor is installed."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import Request, Site

__all__ = ["web"]

_BACKLOG = 1024


class Hello(Resource):
    """One short page."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        """The page."""
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        return b"Hello, world!\n"


class SilentSite(Site):
    """A site without an access log, as the other web servers here have none."""

    def log(self, request: Any) -> None:
        """Do nothing."""


def web(reactor: Any) -> int:
    """A page, without an access log; the port."""
    site = SilentSite(Hello())  # type: ignore[no-untyped-call]
    listening = reactor.listenTCP(0, site, _BACKLOG, "127.0.0.1")
    return int(listening.getHost().port)
