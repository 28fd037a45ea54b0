"""klein serves, treq asks; the handler awaits asyncio."""

import asyncio
from typing import Any

from tests.apps import host


async def main() -> None:
    import treq
    from klein import Klein
    from twisted.internet import reactor
    from twisted.web.client import Agent
    from twisted.web.server import Site

    import triloop

    app = Klein()

    @app.route("/<name>")
    def greet(request: Any, name: str) -> Any:
        return triloop.as_deferred(asyncio.sleep(0.01, f"hello {name}"))

    port = reactor.listenTCP(0, Site(app.resource()), interface="127.0.0.1")
    url = f"http://127.0.0.1:{port.getHost().port}/klein"
    response = await triloop.wait(treq.get(url, agent=Agent(reactor)))
    assert await triloop.wait(response.text()) == "hello klein"
    await triloop.wait(port.stopListening())


host.run(main)
