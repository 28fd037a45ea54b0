"""The rows for requests to a reactor: their callbacks' contexts."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IReadWriteDescriptor, IResolverSimple
from twisted.internet.protocol import (
    ClientFactory,
    DatagramProtocol,
    Factory,
    ProcessProtocol,
    Protocol,
)
from twisted.internet.threads import deferToThreadPool
from zope.interface import implementer

from tests.contract.contexts import peers
from tests.contract.contexts.places import ANOTHER, OWN, Place, Row, See, in_thread, var, within

Deed = Callable[[Any], object]


class Watched(Protocol):
    """Echoes, and acts in one of its callbacks.

    Args:
        deeds: What to do with the protocol, by the name of the callback.
    """

    def __init__(self, deeds: dict[str, Deed]) -> None:
        self.deeds = deeds

    def do(self, name: str) -> None:
        self.deeds.get(name, lambda _: None)(self)

    def connectionMade(self) -> None:
        self.do("connectionMade")

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)
        self.do("dataReceived" if data == b"x" else "later dataReceived")

    def connectionLost(self, reason: Any = None) -> None:
        self.do("connectionLost")


class Watching(ClientFactory):
    """Makes Watched protocols, and acts in its own callbacks."""

    noisy = False

    def __init__(self, **deeds: Deed) -> None:
        self.deeds = {name.replace("_", " "): deed for name, deed in deeds.items()}

    def buildProtocol(self, addr: object) -> Protocol:
        self.deeds.get("buildProtocol", lambda _: None)(None)
        return Watched(self.deeds)

    def clientConnectionFailed(self, connector: object, reason: object) -> None:
        self.deeds.get("clientConnectionFailed", lambda _: None)(None)


def seen_in(name: str) -> Callable[[See], Factory]:
    """A factory that notes the context of the callback of that name."""
    return lambda see: Watching(**{name: lambda _: see()})


def set_in(earlier: str, later: str) -> Callable[[See], Factory]:
    """A factory whose protocols set the variable in one callback, and note another's context."""
    return lambda see: Watching(**{earlier: lambda _: var.set(OWN), later: lambda _: see()})


def lost_by_another(method: str) -> Callable[[See], Factory]:
    """A factory whose connections are ended by other code."""

    def end(protocol: Any) -> None:
        reactor = protocol.transport.reactor
        within(ANOTHER, reactor.callLater, 0.01, getattr(protocol.transport, method))

    return lambda see: Watching(dataReceived=end, connectionLost=lambda _: see())


@implementer(IPullProducer)
class Producer:
    """Notes the context when its transport asks for more."""

    def __init__(self, protocol: Any, see: See) -> None:
        self.transport = protocol.transport
        self.see: See | None = None
        self.transport.registerProducer(self, streaming=False)
        self.see = see

    def resumeProducing(self) -> None:
        if self.see is None:
            self.transport.write(b"x")  # asked for in registerProducer
        else:
            self.see()
            self.transport.unregisterProducer()

    def stopProducing(self) -> None:
        """Do nothing."""


def producing(see: See) -> Factory:
    return Watching(connectionMade=lambda protocol: Producer(protocol, see))


# Connections


def connect(factory: Callable[[See], Any], talk: peers.Talk = peers.say) -> Row:
    def begin(place: Place, see: See) -> None:
        place.reactor.connectTCP(*peers.listening(talk), factory(see))

    return Row(begin)


def connect_in_vain(place: Place, see: See) -> None:
    held = peers.refusing()
    place.ends.append(held.close)
    place.reactor.connectTCP(*held.getsockname(), seen_in("clientConnectionFailed")(see))


def listen(
    factory: Callable[[See], Any], talk: peers.Talk = peers.say, *, alone: bool = False
) -> Row:
    def begin(place: Place, see: See) -> None:
        port = place.reactor.listenTCP(0, factory(see), interface="127.0.0.1")
        place.ends.append(port.stopListening)
        peers.connecting(("127.0.0.1", port.getHost().port), talk)

    return Row(begin, alone=alone)


def listen_unix(place: Place, see: See) -> None:
    folder = tempfile.TemporaryDirectory()
    path = str(Path(folder.name) / "s")
    port = place.reactor.listenUNIX(path, seen_in("dataReceived")(see))
    place.ends.append(port.stopListening)
    place.reactor.addSystemEventTrigger("after", "shutdown", folder.cleanup)
    peers.connecting(path, peers.say, socket.AF_UNIX)


def stop_factory(place: Place, see: See) -> None:
    """A port that is closed by other code."""
    factory = Watching()
    factory.stopFactory = see  # type: ignore[method-assign]
    port = place.reactor.listenTCP(0, factory, interface="127.0.0.1")
    within(ANOTHER, place.reactor.callLater, 0.01, port.stopListening)


def adopt_connection(factory: Callable[[See], Any], *, alone: bool = False) -> Row:
    def begin(place: Place, see: See) -> None:
        with peers.connected(peers.say_twice) as here:
            place.reactor.adoptStreamConnection(here.fileno(), socket.AF_INET, factory(see))

    return Row(begin, alone=alone)


def adopt_port(place: Place, see: See) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        factory = seen_in("dataReceived")(see)
        port = place.reactor.adoptStreamPort(listener.fileno(), socket.AF_INET, factory)
        place.ends.append(port.stopListening)
        peers.connecting(listener.getsockname(), peers.say)


def datagram(place: Place, see: See) -> None:
    class Receiver(DatagramProtocol):
        def datagramReceived(self, datagram: bytes, addr: object) -> None:
            see()

    port = place.reactor.listenUDP(0, Receiver(), interface="127.0.0.1")
    place.ends.append(port.stopListening)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"x", ("127.0.0.1", port.getHost().port))


# Selectables of the application


@implementer(IReadWriteDescriptor)
class Selectable:
    """Notes the context when it is ready."""

    def __init__(self, place: Place, see: See) -> None:
        self._here, self._there = socket.socketpair()
        self._here.setblocking(False)
        self._there.send(b"x")
        self._reactor, self._see = place.reactor, see

    def fileno(self) -> int:
        return self._here.fileno()

    def logPrefix(self) -> str:
        return "-"

    def doRead(self) -> None:
        self._reactor.removeReader(self)
        self._done()

    def doWrite(self) -> None:
        self._reactor.removeWriter(self)
        self._done()

    def _done(self) -> None:
        self._here.close()
        self._there.close()
        self._see()

    def connectionLost(self, reason: object) -> None:
        """Do nothing."""


def add_reader(place: Place, see: See) -> None:
    place.reactor.addReader(Selectable(place, see))


def add_writer(place: Place, see: See) -> None:
    place.reactor.addWriter(Selectable(place, see))


# Calls


def call_later_among_others(place: Place, see: See) -> None:
    """Other code asks for an earlier call, after this one."""
    place.reactor.callLater(0.02, see)
    within(ANOTHER, place.reactor.callLater, 0.01, lambda: None)


def moved_by_another(place: Place, see: See) -> None:
    call = place.reactor.callLater(5, see)
    within(ANOTHER, call.reset, 0.01)


def call_twice(place: Place, see: See) -> None:
    """A call asked for by another call."""
    place.reactor.callLater(0.01, lambda: place.reactor.callLater(0.01, see))


def defer_to_thread(place: Place, see: See) -> None:
    result = deferToThreadPool(place.reactor, place.reactor.getThreadPool(), lambda: None)
    result.addCallback(lambda _: see())


def connect_by_name(place: Place, see: See) -> None:
    """The resolver answers in the context of other code, which has asked for the same name."""
    address, port = peers.listening(peers.say)

    @implementer(IResolverSimple)
    class Resolver:
        def getHostByName(self, name: str, timeout: object = None) -> Deferred[str]:
            answer: Deferred[str] = Deferred()
            within(ANOTHER, place.reactor.callLater, 0.01, answer.callback, address)
            return answer

    place.reactor.installResolver(Resolver())
    place.reactor.connectTCP("name.invalid", port, seen_in("connectionMade")(see))


def spawn(name: str) -> Row:
    def begin(place: Place, see: See) -> None:
        class Child(ProcessProtocol):
            def callback(self, *args: object) -> None:
                see()

        child = Child()
        setattr(child, name, child.callback)
        place.reactor.spawnProcess(child, "/bin/sh", ["sh", "-c", "echo x; exit"], env={})

    return Row(begin)


def at_shutdown(place: Place, see: See) -> None:
    place.reactor.addSystemEventTrigger("during", "shutdown", see)


def listen_one_after_another(place: Place, see: See) -> None:
    """The second connection comes when the first one has set the variable."""
    seen: list[None] = []

    def build(_: object) -> None:
        seen.append(None)
        if len(seen) == 2:
            see()

    def received(_: object) -> None:
        var.set(OWN)
        if len(seen) == 1:
            peers.connecting(address, peers.say)

    factory = Watching(
        buildProtocol=build, connectionMade=lambda _: var.set(OWN), dataReceived=received
    )
    port = place.reactor.listenTCP(0, factory, interface="127.0.0.1")
    place.ends.append(port.stopListening)
    address = ("127.0.0.1", port.getHost().port)
    peers.connecting(address, peers.say)


ROWS: dict[str, Row] = {
    "`callLater`": Row(lambda place, see: place.reactor.callLater(0.01, see)),
    "`callLater`, another's due before it": Row(call_later_among_others),
    "`callLater`, moved by another": Row(moved_by_another),
    "`callLater`, in a `callLater`": Row(call_twice),
    "`callFromThread`, as in the thread": Row(
        lambda place, see: in_thread(place.reactor.callFromThread, see)
    ),
    "`callFromThread`, in the loop's thread": Row(
        lambda place, see: place.reactor.callFromThread(see)
    ),
    "`deferToThread`, its result": Row(defer_to_thread),
    "`callWhenRunning`, before the start": Row(
        lambda place, see: place.reactor.callWhenRunning(see), early=True
    ),
    "`addSystemEventTrigger`, at the shutdown": Row(at_shutdown, late=True),
    "`connectTCP`: `connectionMade`": connect(seen_in("connectionMade")),
    "`connectTCP` by name, which is resolved for another": Row(connect_by_name),
    "`connectTCP`: `dataReceived`": connect(seen_in("dataReceived")),
    "`connectTCP`: `connectionLost`": connect(seen_in("connectionLost")),
    "`connectTCP`: `clientConnectionFailed`": Row(connect_in_vain),
    "`connectTCP`: a producer's `resumeProducing`": connect(producing, peers.stay),
    "`connectionLost` after another's `loseConnection`": connect(
        lost_by_another("loseConnection"), peers.stay
    ),
    "`connectionLost` after another's `abortConnection`": connect(
        lost_by_another("abortConnection"), peers.stay
    ),
    "`listenTCP`: `buildProtocol`": listen(seen_in("buildProtocol")),
    "`listenTCP`: `dataReceived`": listen(seen_in("dataReceived")),
    "`listenTCP`: `stopFactory` after another's `stopListening`": Row(stop_factory),
    "set in `connectionMade`, read in `dataReceived`": listen(
        set_in("connectionMade", "dataReceived"), alone=True
    ),
    "set in `dataReceived`, read in the next one": listen(
        set_in("dataReceived", "later_dataReceived"), peers.say_twice, alone=True
    ),
    "set in one connection, read in another's `buildProtocol`": Row(
        listen_one_after_another, alone=True
    ),
    "`listenUNIX`: `dataReceived`": Row(listen_unix),
    "`listenUDP`: `datagramReceived`": Row(datagram),
    "`adoptStreamPort`: `dataReceived`": Row(adopt_port),
    "`adoptStreamConnection`: `dataReceived`": adopt_connection(seen_in("dataReceived")),
    "adopted; set in `connectionMade`, read in `dataReceived`": adopt_connection(
        set_in("connectionMade", "dataReceived"), alone=True
    ),
    "`addReader`: `doRead`": Row(add_reader),
    "`addWriter`: `doWrite`": Row(add_writer),
    "`spawnProcess`: `outReceived`": spawn("outReceived"),
    "`spawnProcess`: `processEnded`": spawn("processEnded"),
}
