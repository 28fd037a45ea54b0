"""klein: a handler that awaits asyncio."""

import asyncio
import urllib.request
from typing import Any

from tests.apps import host


async def main() -> None:
    from klein import Klein
    from twisted.internet import reactor
    from twisted.web.server import Site

    import triloop

    app = Klein()

    @app.route("/<name>")
    async def greet(request: Any, name: str) -> str:
        return await triloop.wait(asyncio.sleep(0.01, f"hello {name}"))

    port = reactor.listenTCP(0, Site(app.resource()), interface="127.0.0.1")
    url = f"http://127.0.0.1:{port.getHost().port}/klein"

    def ask() -> bytes:
        with urllib.request.urlopen(url) as response:
            return response.read()

    assert await asyncio.to_thread(ask) == b"hello klein"
    await triloop.wait(port.stopListening())


host.run(main)
