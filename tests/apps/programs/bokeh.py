"""A Bokeh server: a session of its client, and a callback that awaits Twisted."""

import asyncio
import logging
from typing import Any

from tests.apps import host


async def main() -> None:
    from bokeh.client import pull_session
    from bokeh.models import Div
    from bokeh.server.server import Server
    from tornado.ioloop import IOLoop
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    import triloop

    def document(doc: Any) -> None:
        async def wait() -> None:
            div.text = await triloop.wait(deferLater(reactor, 0.01, lambda: "Twisted waited"))

        div = Div(text="waiting")
        doc.add_root(div)
        doc.add_next_tick_callback(wait)

    def client(url: str) -> None:
        session = pull_session(url=url)
        div = session.document.roots[0]
        for _ in range(100):
            session.force_roundtrip()
            if div.text == "Twisted waited":
                break
        else:
            raise AssertionError(div.text)
        session.close()

    logging.getLogger("bokeh").setLevel(logging.ERROR)
    server = Server({"/": document}, io_loop=IOLoop.current(), port=0)
    server.start()
    await asyncio.to_thread(client, f"http://localhost:{server.port}/")
    server.stop()


host.run(main)
