"""twisted.mail: a message is sent, and received."""

import io
from typing import Any

from tests.apps import host


async def main() -> None:
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred, succeed
    from twisted.mail import smtp
    from zope.interface import implementer

    import triloop

    received: Deferred[bytes] = Deferred()

    @implementer(smtp.IMessage)
    class Message:
        def __init__(self) -> None:
            self.lines: list[bytes] = []

        def lineReceived(self, line: bytes) -> None:
            self.lines.append(line)

        def eomReceived(self) -> Any:
            received.callback(b"\n".join(self.lines))
            return succeed(None)

        def connectionLost(self) -> None:
            """There is nothing to give back."""

    @implementer(smtp.IMessageDelivery)
    class Delivery:
        def receivedHeader(self, *args: Any) -> bytes:
            return b"Received: here"

        def validateFrom(self, helo: Any, origin: Any) -> Any:
            return origin

        def validateTo(self, user: Any) -> Any:
            return Message

    servers = smtp.SMTPFactory()

    def build(address: Any) -> Any:
        protocol = smtp.ESMTP()
        protocol.delivery = Delivery()
        protocol.factory = servers
        return protocol

    servers.buildProtocol = build  # type: ignore[method-assign]
    port = reactor.listenTCP(0, servers, interface="127.0.0.1")
    message = io.BytesIO(b"Subject: hello\n\nworld\n")
    sent = smtp.sendmail(
        "127.0.0.1", "a@example.org", ["b@example.org"], message, port=port.getHost().port
    )
    assert (await triloop.wait(sent))[0] == 1
    assert b"Subject: hello" in await triloop.wait(received)
    await triloop.wait(port.stopListening())


host.run(main)
