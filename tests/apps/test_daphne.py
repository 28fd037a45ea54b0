"""Daphne by itself, on the reactor that it installs, and as ``manage.py runserver`` on ours."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

from websockets.sync.client import connect

from tests.apps import host, servers

APPLICATION = Path(__file__).with_name("channels_application.py")
PROJECT = Path(__file__).parents[2] / "examples" / "django"


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


def test_runserver_of_a_project() -> None:
    port = host.free_port()
    with servers.directory() as home:
        for path in PROJECT.glob("*.py"):
            (home / path.name).write_bytes(path.read_bytes())
        options = ["manage.py", "runserver", "--noreload", str(port)]
        url = f"http://127.0.0.1:{port}/"
        with (
            servers.running([sys.executable, *options], home) as log,
            host.until_up(lambda: urllib.request.urlopen(url)) as response,
        ):
            assert response.read() == b"Twisted waited in uvloop\n"
        assert "Starting ASGI/Daphne" in log.read_text()
