"""A site to crawl: a page that links to two others."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any


class Page(http.server.BaseHTTPRequestHandler):
    """A page, whose title is its path."""

    def do_GET(self) -> None:
        links = "<a href='/a'>a</a><a href='/b'>b</a>" if self.path == "/" else ""
        body = f"<html><title>{self.path}</title>{links}</html>".encode()
        self.send_response(404 if self.path == "/robots.txt" else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Serve it in a thread; gives the address of its first page."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
