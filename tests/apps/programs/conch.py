"""twisted.conch: a command over SSH, on a server that is in the same process."""

import os
from typing import Any

from tests.apps import host


async def main() -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from twisted.conch import avatar
    from twisted.conch.client.knownhosts import KnownHostsFile
    from twisted.conch.endpoints import SSHCommandClientEndpoint
    from twisted.conch.ssh import factory, keys, session
    from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
    from twisted.cred.portal import IRealm, Portal
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred, succeed
    from twisted.internet.protocol import Factory, Protocol
    from twisted.python.filepath import FilePath
    from zope.interface import implementer

    import triloop

    key = keys.Key(ed25519.Ed25519PrivateKey.generate())

    class Session(session.SSHSession):
        def request_exec(self, data: bytes) -> int:
            reactor.callLater(0, self.run, data[4:])
            return 1

        def run(self, command: bytes) -> None:
            self.write(b"ran " + command)
            self.loseConnection()

    @implementer(IRealm)
    class Realm:
        def requestAvatar(self, name: Any, mind: Any, *interfaces: Any) -> Any:
            user = avatar.ConchUser()
            user.channelLookup[b"session"] = Session
            return interfaces[0], user, lambda: None

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

    servers = factory.SSHFactory()
    servers.portal = Portal(Realm(), [InMemoryUsernamePasswordDatabaseDontUse(me=b"secret")])
    servers.publicKeys = {b"ssh-ed25519": key.public()}
    servers.privateKeys = {b"ssh-ed25519": key}
    port = reactor.listenTCP(0, servers, interface="127.0.0.1")
    endpoint = SSHCommandClientEndpoint.newConnection(
        reactor,
        b"echo hello",
        b"me",
        "127.0.0.1",
        port.getHost().port,
        password=b"secret",
        agentEndpoint=None,
        knownHosts=Known(FilePath(os.devnull)),
    )
    await triloop.wait(endpoint.connect(Factory.forProtocol(Command)))
    assert await triloop.wait(output) == b"ran echo hello"
    await triloop.wait(port.stopListening())


host.run(main)
