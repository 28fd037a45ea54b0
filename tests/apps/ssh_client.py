"""twisted.conch's client: it runs a command on a server that takes a name and a password."""

from __future__ import annotations

import os
from typing import Any

import triloop

__all__ = ["PASSWORD", "USER", "output_of"]

USER, PASSWORD = "me", "secret"


async def output_of(command: bytes, port: int) -> bytes:
    """Run a command over SSH; what it prints.

    Args:
        command: Its name and arguments.
        port: Of a server on this machine.
    """
    from twisted.conch.client.knownhosts import KnownHostsFile
    from twisted.conch.endpoints import SSHCommandClientEndpoint
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred, succeed
    from twisted.internet.protocol import Factory, Protocol
    from twisted.python.filepath import FilePath

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

    endpoint = SSHCommandClientEndpoint.newConnection(
        reactor,
        command,
        USER.encode(),
        "127.0.0.1",
        port,
        password=PASSWORD.encode(),
        agentEndpoint=None,
        knownHosts=Known(FilePath(os.devnull)),
    )
    await triloop.wait(endpoint.connect(Factory.forProtocol(Command)))
    return await triloop.wait(output)
