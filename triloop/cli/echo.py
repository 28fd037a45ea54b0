"""The servers that ``triloop bench`` measures: each prints its port, and runs until killed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["ASK_FOR_TIME", "NATIVE", "SERVERS"]

#: A message that is answered by the CPU time of the process so far, in seconds.
ASK_FOR_TIME = b"cpu time?"


def _answer(data: bytes) -> bytes:
    return str(time.process_time()).encode() if data == ASK_FOR_TIME else data


def _told(port: int) -> None:
    print(port, flush=True)  # noqa: T201 - read by the parent


def _serve_by_twisted() -> None:
    from twisted.internet import reactor
    from twisted.internet.protocol import Factory, Protocol
    from twisted.logger import globalLogBeginner

    class Echo(Protocol):
        transport: Any

        def dataReceived(self, data: bytes) -> None:
            self.transport.write(_answer(data))

    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False)
    anything: Any = reactor
    port = anything.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    _told(port.getHost().port)
    anything.run()


def _serve_by_asyncio(loop: asyncio.AbstractEventLoop) -> None:
    class Echo(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self._transport = transport

        def data_received(self, data: bytes) -> None:
            self._transport.write(_answer(data))

    async def main() -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        _told(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    loop.run_until_complete(main())


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


def _epoll_reactor() -> None:
    from twisted.internet import default

    default.install()  # epoll on Linux; what is best elsewhere


def _twisted_alone() -> None:
    _epoll_reactor()
    _serve_by_twisted()


def _twisted_on_asyncio() -> None:
    from twisted.internet import asyncioreactor

    asyncioreactor.install(asyncio.SelectorEventLoop())
    _serve_by_twisted()


def _triloop_on(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[], None]:
    def serve() -> None:
        from triloop.adapters.twisted_in_asyncio.install import install

        install(make_loop())
        _serve_by_twisted()

    return serve


def _asyncio_in_twisted() -> None:
    from triloop.adapters.asyncio_in_twisted.loop import new_event_loop

    _epoll_reactor()
    _serve_by_asyncio(new_event_loop())


SERVERS: dict[str, Callable[[], None]] = {
    "Twisted: its own reactor": _twisted_alone,
    "Twisted: AsyncioSelectorReactor": _twisted_on_asyncio,
    "Twisted: triloop on asyncio": _triloop_on(asyncio.SelectorEventLoop),
    "Twisted: triloop on uvloop": _triloop_on(_uvloop),
    "asyncio: its own loop": lambda: _serve_by_asyncio(asyncio.SelectorEventLoop()),
    "asyncio: uvloop": lambda: _serve_by_asyncio(_uvloop()),
    "asyncio: triloop on Twisted": _asyncio_in_twisted,
}

#: What each library's servers are compared with.
NATIVE = {"Twisted": "its own reactor", "asyncio": "its own loop"}

if __name__ == "__main__":
    SERVERS[sys.argv[1]]()
