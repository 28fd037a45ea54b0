"""An extension of Jupyter Server whose handler awaits Twisted."""

from typing import Any

from jupyter_server.base.handlers import JupyterHandler

import triloop


class Handler(JupyterHandler):  # type: ignore[misc]
    async def get(self) -> None:
        from twisted.internet.task import deferLater

        async with triloop.attached() as reactor:
            self.finish(await triloop.wait(deferLater(reactor, 0.01, lambda: "Twisted waited")))


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    app.web_app.add_handlers(".*$", [(r"/twisted", Handler)])
