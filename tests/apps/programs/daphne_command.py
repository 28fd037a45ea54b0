"""The daphne command: `triloop run -m daphne` serves the same application; SIGTERM ends it."""

from pathlib import Path

from websockets.sync.client import connect

from tests.apps import host, servers

APPLICATION = Path(__file__).parents[1] / "channels_application.py"

port = host.free_port()
with servers.directory() as home:
    (home / "asgi.py").write_bytes(APPLICATION.read_bytes())
    options = ["-m", "daphne", "--port", str(port), "asgi:application"]
    run = [servers.command("triloop"), "run", "--loop", host.name()]
    with (
        servers.running([*run, *options], home),
        host.until_up(lambda: connect(f"ws://127.0.0.1:{port}/shout")) as socket,
    ):
        socket.send("hello")
        assert socket.recv(timeout=20) == "HELLO"
        socket.send("reactor")
        assert socket.recv(timeout=20) == f"TORNADOREACTOR IN {host.name().upper()}"
host.tell("done")
