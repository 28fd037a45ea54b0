"""AsyncSSH: its own client and twisted.conch's ask one server of its for a command."""

import os
from typing import Any

from tests.apps import host


async def main() -> None:
    import asyncssh
    from twisted.conch.client.knownhosts import KnownHostsFile
    from twisted.conch.endpoints import SSHCommandClientEndpoint
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred, succeed
    from twisted.internet.protocol import Factory, Protocol
    from twisted.python.filepath import FilePath

    import triloop

    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, user: str, password: str) -> bool:
            return (user, password) == ("me", "secret")

    def answer(process: Any) -> None:
        process.stdout.write(f"ran {process.command}")
        process.exit(0)

    class Known(KnownHostsFile):
        def verifyHostKey(self, *args: Any) -> Any:
            return succeed(True)

    output: Deferred[bytes] = Deferred()

    class Command(Protocol):
        data = b""

        def dataReceived(self, data: bytes) -> None:
            self.data += data

        def connectionLost(self, reason: Any = None) -> None:
            output.callback(self.data)

    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Server,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=answer,
    )
    port = server.get_port()
    me = {"username": "me", "password": "secret"}
    async with asyncssh.connect("127.0.0.1", port, known_hosts=None, client_keys=None, **me) as one:
        assert (await one.run("echo hello")).stdout == "ran echo hello"
    endpoint = SSHCommandClientEndpoint.newConnection(
        reactor,
        b"echo hello",
        b"me",
        "127.0.0.1",
        port,
        password=b"secret",
        agentEndpoint=None,
        knownHosts=Known(FilePath(os.devnull)),
    )
    await triloop.wait(endpoint.connect(Factory.forProtocol(Command)))
    assert await triloop.wait(output) == b"ran echo hello"
    server.close()
    await server.wait_closed()


host.run(main)
