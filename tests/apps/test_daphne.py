"""The daphne command by itself: it installs Twisted's asyncio reactor, and both can be awaited."""

from __future__ import annotations

from pathlib import Path

from websockets.sync.client import connect

from tests.apps import host, servers

APPLICATION = Path(__file__).with_name("channels_application.py")


def test_plain_command() -> None:
    port = host.free_port()
    with servers.directory() as home:
        (home / "asgi.py").write_bytes(APPLICATION.read_bytes())
        options = ["--port", str(port), "asgi:application"]
        with (
            servers.running([servers.command("daphne"), *options], home),
            host.until_up(lambda: connect(f"ws://127.0.0.1:{port}/shout")) as socket,
        ):
            socket.send("reactor")
            assert socket.recv(timeout=20) == "ASYNCIOSELECTORREACTOR IN ASYNCIO"
