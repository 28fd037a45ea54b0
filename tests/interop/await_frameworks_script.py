"""A program of react() with handlers of Tornado, klein and AMP that await what the others have.

Argument: the host. Exits with 7 when all is served.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import httpx
from tornado import gen
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from twisted.internet import protocol
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.protocols import amp
from twisted.web.server import Site

import triloop
from tests.interop.await_script import install

PAUSE = 0.001


def the_reactor() -> Any:
    """The global one."""
    return importlib.import_module("twisted.internet.reactor")


def later(value: Any) -> Deferred[Any]:
    """A Deferred that fires with ``value`` soon."""
    return deferLater(the_reactor(), PAUSE, lambda: value)


# -- Tornado ------------------------------------------------------------------------------------


class ByGenerator(RequestHandler):
    """Its method is one of inlineCallbacks."""

    @inlineCallbacks
    def get(self) -> Generator[Any, Any, None]:
        """Serve."""
        self.write((yield later("served")))


class ByCoroutine(RequestHandler):
    """Its method is a coroutine."""

    async def get(self) -> None:
        """Serve."""
        async for part in self.parts():
            self.write(part)

    async def parts(self) -> AsyncIterator[str]:
        """Give the parts of the answer, each when a Deferred has fired."""
        for part in ("ser", "ved"):
            yield await later(part)


class Prepared(RequestHandler):
    """Its prepare() returns a Deferred."""

    def prepare(self) -> Deferred[None]:
        """Wait."""
        return later("served").addCallback(self.keep)

    def keep(self, answer: str) -> None:
        """Keep the answer for later."""
        self.answer = answer

    def get(self) -> None:
        """Serve."""
        self.write(self.answer)


class Yields(RequestHandler):
    """Its method yields all that Tornado lets it, with Deferreds in it."""

    @gen.coroutine
    def get(self) -> Generator[Any, Any, None]:
        """Serve."""
        one = yield later("s")
        (two,) = yield [later("e")]
        three = (yield {"key": later("r")})["key"]
        (four,) = yield gen.multi([later("v")])
        waiting = gen.WaitIterator(later("e"))  # type: ignore[arg-type]  # a Deferred
        five = yield waiting.next()
        six = yield gen.with_timeout(IOLoop.current().time() + 60, later("d"))
        self.write("".join([one, two, three, four, five, six]))


class Fails(RequestHandler):
    """A Deferred fails, and the error gets the right page."""

    @inlineCallbacks
    def get(self) -> Generator[Any, Any, None]:
        """Serve."""
        try:
            yield later(None).addCallback(lambda _: 1 / 0)
        except ZeroDivisionError:
            self.write("served")


HANDLERS = [ByGenerator, ByCoroutine, Prepared, Yields, Fails]


async def tornados() -> None:
    """Ask each handler of Tornado."""
    server = HTTPServer(Application([(f"/{kind.__name__}", kind) for kind in HANDLERS]))
    (socket,) = bind_sockets(0, "127.0.0.1")
    server.add_sockets([socket])
    for kind in HANDLERS:
        await served(socket.getsockname()[1], kind.__name__)
    server.stop()


async def served(port: int, path: str) -> None:
    """Have an answer over HTTP."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        response = await client.get(f"http://127.0.0.1:{port}/{path}")
    assert (response.status_code, response.text) == (200, "served"), (path, response)


# -- klein --------------------------------------------------------------------------------------


async def mixed(_: object) -> str:
    """Await what both libraries have."""
    first = await asyncio.wait_for(asyncio.sleep(PAUSE, "ser"), 20)
    return first + str(await triloop.wait(later("ved")))


async def plain(_: object) -> str:
    """Await a Deferred and a Future, as they are."""
    return str(await later("ser")) + await asyncio.sleep(PAUSE, "ved")


async def kleins(handlers: dict[str, Callable[[Any], Any]]) -> None:
    """Ask each handler of klein."""
    reactor = the_reactor()
    application: Any = importlib.import_module("klein").Klein()  # it imports the reactor
    for name, handler in handlers.items():
        application.route(f"/{name}", endpoint=name)(handler)
    port = reactor.listenTCP(0, Site(application.resource()), interface="127.0.0.1")
    for name in handlers:
        await served(port.getHost().port, name)
    await triloop.wait(port.stopListening())


# -- AMP ----------------------------------------------------------------------------------------


class Ask(amp.Command):
    """A question that has an answer."""

    response = [(b"answer", amp.Unicode())]  # noqa: RUF012 - AMP reads a list


async def amps(respond: Callable[[], Any]) -> None:
    """Ask a responder of AMP."""
    reactor = the_reactor()

    class Answers(amp.AMP):
        """Has the responder."""

        @Ask.responder  # type: ignore[untyped-decorator, unused-ignore]
        def asked(self) -> Any:
            """Answer."""
            return respond()

    factory = protocol.Factory.forProtocol(Answers)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = await triloop.wait(connectProtocol(endpoint, amp.AMP()))
    assert (await triloop.wait(client.callRemote(Ask)))["answer"] == "served"
    client.transport.loseConnection()
    await triloop.wait(port.stopListening())


async def answers() -> dict[str, str]:
    """Answer, when something of asyncio's and of Twisted's has come."""
    return {"answer": await mixed(None)}


async def unchanged() -> None:
    """What works with the functions alone."""
    await tornados()
    await kleins({"returns_deferred": triloop.returns_deferred(mixed)})
    await amps(triloop.returns_deferred(answers))


async def main(reactor: object) -> None:
    """All of it, with the switch and without."""
    await triloop.as_deferred(unchanged())
    with triloop.await_anything():
        await Deferred.fromCoroutine(unchanged())
        await Deferred.fromCoroutine(kleins({"mixed": mixed, "plain": plain}))
        await Deferred.fromCoroutine(amps(answers))
    sys.exit(7)


if __name__ == "__main__":
    install(sys.argv[1])
    from twisted.internet.task import react

    react(main)
