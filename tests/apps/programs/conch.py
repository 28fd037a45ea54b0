"""twisted.conch: a command over SSH, on a server that is in the same process."""

from typing import Any

from tests.apps import host, ssh_client


async def main() -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from twisted.conch import avatar
    from twisted.conch.ssh import factory, keys, session
    from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
    from twisted.cred.portal import IRealm, Portal
    from twisted.internet import reactor
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

    servers = factory.SSHFactory()
    passwords = {ssh_client.USER: ssh_client.PASSWORD.encode()}
    servers.portal = Portal(Realm(), [InMemoryUsernamePasswordDatabaseDontUse(**passwords)])
    servers.publicKeys = {b"ssh-ed25519": key.public()}
    servers.privateKeys = {b"ssh-ed25519": key}
    port = reactor.listenTCP(0, servers, interface="127.0.0.1")
    output = await ssh_client.output_of(b"echo hello", port.getHost().port)
    assert output == b"ran echo hello"
    await triloop.wait(port.stopListening())


host.run(main)
