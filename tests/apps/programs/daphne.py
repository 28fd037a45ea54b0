"""Django Channels on Daphne: a WebSocket to a consumer that awaits Twisted and asyncio."""

from tests.apps import host

reactor = host.install()

from daphne.server import Server  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

from tests.apps.channels_application import application  # noqa: E402

port = host.free_port()


def client() -> None:
    with host.until_up(lambda: connect(f"ws://127.0.0.1:{port}/shout")) as socket:
        socket.send("hello")
        assert socket.recv(timeout=20) == "HELLO"


host.beside(client, lambda: reactor.callFromThread(reactor.stop))
Server(application, endpoints=[f"tcp:{port}:interface=127.0.0.1"], verbosity=0).run()
