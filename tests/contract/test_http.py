"""HTTP and HTTPS between twisted.web and Tornado, both ways, in every nesting."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.task import Cooperator
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    FileBodyProducer,
    HTTPConnectionPool,
    readBody,
)
from twisted.web.http import Request as TwistedRequest
from twisted.web.iweb import IPolicyForHTTPS
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface import implementer

from tests.contract.certificates import NAME, Certificate
from tests.contract.worlds import Stage, World

pytestmark = [
    # Twisted passes its own certificate objects to pyOpenSSL, which deprecates them.
    pytest.mark.filterwarnings("ignore:Passing pyOpenSSL .* is deprecated"),
    # readBody warns of a response that is complete, as its transport is a proxy then.
    pytest.mark.filterwarnings("ignore:Using readBody with a transport"),
]

BODY = bytes(range(256)) * 400
REQUESTS = 3


class Reverser(Resource):
    """Answers a POST with its body reversed, after a timer of this world."""

    isLeaf = True

    def __init__(self, world: World) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._world = world

    def render_POST(self, request: TwistedRequest) -> int:
        assert request.content is not None
        answer = request.content.read()[::-1]
        self._world.reactor.callLater(0.001, self._answer, request, answer)
        return NOT_DONE_YET

    def _answer(self, request: TwistedRequest, answer: bytes) -> None:
        request.write(answer)
        request.finish()


class ReverseHandler(RequestHandler):
    """The same, Tornado's."""

    async def post(self) -> None:
        await asyncio.sleep(0.001)
        self.write(self.request.body[::-1])


@contextlib.asynccontextmanager
async def twisted_site(world: World, certificate: Certificate | None) -> AsyncIterator[int]:
    host = "127.0.0.1"
    if certificate:
        options = certificate.server_options()
        endpoint: Any = SSL4ServerEndpoint(world.reactor, 0, options, interface=host)
    else:
        endpoint = TCP4ServerEndpoint(world.reactor, 0, interface=host)
    site = Site(Reverser(world), reactor=world.reactor)
    port = await endpoint.listen(site).asFuture(world.loop)
    try:
        yield port.getHost().port
    finally:
        await port.stopListening().asFuture(world.loop)


@contextlib.asynccontextmanager
async def tornado_site(world: World, certificate: Certificate | None) -> AsyncIterator[int]:
    tls = certificate.server_context() if certificate else None
    application = Application([("/", ReverseHandler)], log_function=lambda handler: None)
    server = HTTPServer(application, ssl_options=tls)
    sockets = bind_sockets(0, "127.0.0.1", family=socket.AF_INET)
    server.add_sockets(sockets)
    try:
        yield sockets[0].getsockname()[1]
    finally:
        server.stop()
        await server.close_all_connections()


@implementer(IPolicyForHTTPS)
class Trusting:
    """The policy of an Agent that trusts one certificate only."""

    def __init__(self, certificate: Certificate) -> None:
        self._certificate = certificate

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        return self._certificate.client_options()


async def ask_by_agent(world: World, url: str, certificate: Certificate | None) -> list[bytes]:
    """POST several times over a persistent connection."""
    pool = HTTPConnectionPool(world.reactor, persistent=True)
    policy = Trusting(certificate) if certificate else BrowserLikePolicyForHTTPS()
    agent = Agent(world.reactor, policy, pool=pool)
    answers = []
    for _ in range(REQUESTS):
        body = FileBodyProducer(io.BytesIO(BODY), cooperator=_cooperator(world))
        asked: Any = agent.request(b"POST", url.encode(), bodyProducer=body)
        answers.append(await asked.addCallback(readBody).asFuture(world.loop))
    await pool.closeCachedConnections().asFuture(world.loop)
    return answers


async def ask_by_tornado(world: World, url: str, certificate: Certificate | None) -> list[bytes]:
    client = AsyncHTTPClient(force_instance=True)
    tls = certificate.client_context() if certificate else None
    try:
        asked = [
            client.fetch(url, method="POST", body=BODY, ssl_options=tls) for _ in range(REQUESTS)
        ]
        return [response.body for response in await asyncio.gather(*asked)]
    finally:
        client.close()


def _cooperator(world: World) -> Any:
    """A cooperator on this reactor; Twisted's own uses the one that was global at its first use."""
    return Cooperator(scheduler=lambda call: world.reactor.callLater(0, call))


SITES = {"twisted.web": twisted_site, "tornado": tornado_site}
CLIENTS = {"Agent": ask_by_agent, "AsyncHTTPClient": ask_by_tornado}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_twisted_and_tornado_ask_each_other(
    stage: Stage, scheme: str, certificate: Certificate
) -> None:
    used = certificate if scheme == "https" else None

    async def main(world: World) -> dict[tuple[str, str], list[bytes]]:
        heard = {}
        for site, serve in SITES.items():
            async with serve(world, used) as port:
                url = f"{scheme}://{NAME if used else '127.0.0.1'}:{port}/"
                for client, ask in CLIENTS.items():
                    heard[site, client] = await ask(world, url, used)
        return heard

    heard = stage.play(main)
    expected = [BODY[::-1]] * REQUESTS
    assert heard == {(site, client): expected for site in SITES for client in CLIENTS}
