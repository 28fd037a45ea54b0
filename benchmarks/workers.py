"""Workers that share a port: ``python -m benchmarks.workers CONTENDER JOB NUMBER``.

Each request checks a password, for about a millisecond: the load needs a core, too, and has to be
small beside the workers. The process prints its port and serves until its parent kills it, or dies.

``workers-fork``: one process listens, and is forked. On our reactors and loops all is set up before
the fork. Native ones cannot be forked, so there it is the listening socket that is inherited.
``workers-reuse-port``: each process has a listening socket of its own (SO_REUSEPORT).
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from hashlib import pbkdf2_hmac
from typing import Any

from benchmarks.contenders import die_with_parent, install, is_reactor, new_loop
from benchmarks.jobs import OURS
from benchmarks.servers import announce

_LOCAL = "127.0.0.1"
_BACKLOG = 1024
#: About a millisecond.
_ITERATIONS = 4000

#: Serve on a socket; what is returned runs for ever.
_Serve = Callable[[socket.socket], Callable[[], object]]


def check_password() -> bytes:
    """What each request costs beside the request itself."""
    return pbkdf2_hmac("sha256", b"password", b"salt", _ITERATIONS).hex().encode()


def serve_twisted(contender: str, listening: socket.socket) -> Callable[[], object]:
    """A page of twisted.web."""
    reactor = install(contender)
    from twisted.web.resource import Resource

    from benchmarks.twisted_web import SilentSite

    class Check(Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            return check_password()

    site = SilentSite(Check())  # type: ignore[no-untyped-call]
    reactor.adoptStreamPort(listening.fileno(), listening.family, site)
    listening.close()
    run: Callable[[], object] = reactor.run
    return run


def serve_tornado(contender: str, listening: socket.socket) -> Callable[[], object]:
    """A page of tornado.web."""
    loop = new_loop(contender)
    asyncio.set_event_loop(loop)
    from tornado.httpserver import HTTPServer
    from tornado.web import Application, RequestHandler

    class Check(RequestHandler):
        def get(self) -> None:
            self.write(check_password())

    async def start() -> None:
        server = HTTPServer(Application([("/", Check)], log_function=lambda handler: None))
        server.add_socket(listening)

    loop.run_until_complete(start())
    return loop.run_forever


def listen(port: int = 0, *, shared: bool = False) -> socket.socket:
    """A listening socket."""
    listening = socket.create_server((_LOCAL, port), backlog=_BACKLOG, reuse_port=shared)
    listening.setblocking(False)
    return listening


def fork(number: int) -> bool:
    """Become so many processes; whether this is the first one."""
    for _ in range(number - 1):
        if os.fork() == 0:
            die_with_parent()
            return False
    return True


def by_fork(serve: _Serve, number: int, *, ours: bool) -> None:
    """Listen, then fork."""
    listening = listen()
    port = listening.getsockname()[1]
    run = serve(listening) if ours else None
    if fork(number):
        announce(port)
    (run or serve(listening))()


def by_reuse_port(serve: _Serve, number: int) -> None:
    """Fork, then listen; the port is announced when all of them do."""
    with socket.create_server((_LOCAL, 0), reuse_port=True) as reserved:
        port = reserved.getsockname()[1]
        ready, tell = os.pipe()
        first = fork(number)
        run = serve(listen(port, shared=True))
    os.write(tell, b".")
    if first:
        for _ in range(number):
            os.read(ready, 1)
        announce(port)
    run()


def main(contender: str, job: str, number: str) -> None:
    """Serve for ever."""
    serve = partial(serve_twisted if is_reactor(contender) else serve_tornado, contender)
    if job == "workers-fork":
        by_fork(serve, int(number), ours=contender in OURS)
    else:
        by_reuse_port(serve, int(number))


if __name__ == "__main__":
    die_with_parent()
    main(*sys.argv[1:])
