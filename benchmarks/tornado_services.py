"""Servers as Tornado's users write them."""

from __future__ import annotations

import socket
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpserver import TCPServer
from tornado.web import Application, RequestHandler

from benchmarks.jobs import KIB, TRANSFER

__all__ = ["download", "echo", "web"]

_BACKLOG = 1024
_LOCAL = "127.0.0.1"
_BUFFER = 65536
_CHUNK = bytes(64 * KIB)
# A server without a reference would be collected.
_kept: list[TCPServer] = []


class EchoServer(TCPServer):
    """Tornado's IOStream, echoing."""

    async def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """See :meth:`tornado.tcpserver.TCPServer.handle_stream`."""
        stream.set_nodelay(True)
        try:
            while True:
                await stream.write(await stream.read_bytes(_BUFFER, partial=True))
        except StreamClosedError:
            return


class Hello(RequestHandler):
    """One short page."""

    def get(self) -> None:
        """The page."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write(b"Hello, world!\n")


class Download(RequestHandler):
    """A page of 100 MiB, written as StaticFileHandler writes a file."""

    async def get(self) -> None:
        """The page."""
        self.set_header("Content-Length", str(TRANSFER))
        for _ in range(TRANSFER // len(_CHUNK)):
            self.write(_CHUNK)
            await self.flush()


async def echo() -> int:
    """An IOStream; the port."""
    return _serve(EchoServer())


async def web() -> int:
    """A page, without an access log; the port."""
    return _serve_http(Hello)


async def download() -> int:
    """A long page, without an access log; the port."""
    return _serve_http(Download)


def _serve_http(handler: type[RequestHandler]) -> int:
    return _serve(HTTPServer(Application([("/", handler)], log_function=lambda handler: None)))


def _serve(server: TCPServer) -> int:
    listener = socket.create_server((_LOCAL, 0), backlog=_BACKLOG)
    listener.setblocking(False)
    server.add_socket(listener)
    _kept.append(server)
    return int(listener.getsockname()[1])
