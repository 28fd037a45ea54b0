"""Programs on a Twisted reactor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from tests.contract.certificates import Certificate
from tests.contract.worlds import as_global_reactor
from tests.property.stream_fuzzer.programs import Op, Pair, Program
from tests.property.stream_fuzzer.scene import End, Rest, Scene, limit_buffers, logged_error

__all__ = ["play"]

#: Passes of the loop without an event after which nothing moves any more; TLS shakes hands unseen.
PASSES = {False: 4, True: 20}
CERTIFICATE = Certificate()


class TwistedEnd(End, Protocol):
    """An end with a Twisted protocol."""

    producer: Producer | None = None
    in_tls = closed_writing = False
    ends_with_input = True

    def connectionMade(self) -> None:
        self.is_open = True
        limit_buffers(self.socket())
        self.told("made")
        self.due("made")

    def dataReceived(self, data: bytes) -> None:
        self.takes(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.is_open = False
        self.told(f"lost: {reason.type.__name__}")
        self.due("lost")

    def produces(self) -> bool:
        return self.producer is not None

    def reads(self) -> bool:
        if not self.is_open or self.is_paused or self.heard_all:
            return False
        return not self.bare().disconnecting

    def has_no_certain_end(self, op: Op) -> bool:
        # After the end of TLS, OpenSSL accepts nothing more.
        return (self.in_tls and self.ended) or super().has_no_certain_end(op)

    def busy(self) -> bool:
        return self.producer is not None or not self.reads()

    def bare(self) -> Any:
        """The transport below TLS."""
        return getattr(self.transport, "transport", self.transport)

    def unsent(self) -> int:
        bare = self.bare()
        return int(len(bare.dataBuffer) - bare.offset + bare._tempDataLen)

    def socket(self) -> Any:
        return self.bare().socket

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def do_write(self, size: int) -> None:
        self.transport.write(self.bytes_of(size))

    def do_sequence(self, *sizes: int) -> None:
        self.transport.writeSequence([self.bytes_of(size) for size in sizes])

    def do_push(self, total: int) -> None:
        producer = Push(self, [20_000] * (total // 20_000) + [total % 20_000])
        self.transport.registerProducer(producer, True)
        self.producer = producer
        producer.produce()

    def do_pull(self, *sizes: int) -> None:
        before, self.producer = self.producer, Pull(self, list(sizes))
        try:
            self.transport.registerProducer(self.producer, False)
        except RuntimeError:
            self.producer = before
            raise

    def do_unregister(self) -> None:
        if self.producer is not None:
            self.producer.end()

    def do_pause(self) -> None:
        self.is_paused = self.was_paused = True
        self.transport.pauseProducing()

    def do_resume(self) -> None:
        self.is_paused = False
        self.transport.resumeProducing()

    def do_iterate(self) -> None:
        self.transport.reactor.iterate(0)

    def do_lose(self) -> None:
        self.transport.loseConnection()

    def do_abort(self) -> None:
        self.transport.abortConnection()

    def do_lose_write(self) -> None:
        if not self.in_tls and not self.closed_writing:
            self.closed_writing = True
            self.transport.loseWriteConnection()

    def finish(self) -> None:
        self.do_unregister()
        self.do_lose()

    def give_up(self) -> None:
        self.transport.abortConnection()


@implementer(IHalfCloseableProtocol)
class HalfCloseableEnd(TwistedEnd):
    """An end whose protocol is half-closeable."""

    ends_with_input = False

    def readConnectionLost(self) -> None:
        self.heard_all = True
        self.told("read lost", self.reading)

    def writeConnectionLost(self) -> None:
        self.told("write lost", self.writing)


class Producer:
    """Writes pieces; unregisters itself after the last one."""

    def __init__(self, end: TwistedEnd, sizes: list[int]) -> None:
        self.transport = end.transport
        self.own = end
        self.sizes = sizes

    def end(self) -> None:
        self.own.producer = None
        self.transport.unregisterProducer()

    def stopProducing(self) -> None:
        self.own.told("stop producing", self.own.writing)
        self.own.producer = None
        self.sizes = []

    def write(self) -> None:
        self.transport.write(self.own.bytes_of(self.sizes.pop(0)))


class Pull(Producer):
    """Writes when it is asked to."""

    def resumeProducing(self) -> None:
        self.own.told("resume", self.own.writing)
        if self.sizes:
            self.write()
        elif self.own.producer is self:
            self.end()


class Push(Producer):
    """Writes until it is told to pause."""

    paused = False

    def produce(self) -> None:
        while self.sizes and not self.paused:
            self.write()
        if not self.sizes and self.own.producer is self:
            self.end()

    def pauseProducing(self) -> None:
        self.own.told("pause", self.own.writing)
        self.paused = True

    def resumeProducing(self) -> None:
        self.own.told("resume" if self.paused else "resume unasked", self.own.writing)
        self.paused = False
        self.produce()


ENDS = {"plain": TwistedEnd, "half-closeable": HalfCloseableEnd}


@implementer(ILogObserver)
class TwistedScene(Scene):
    """A program on a reactor."""

    def __init__(self, program: Program, reactor: Any, folder: Path) -> None:
        super().__init__(program)
        self.reactor = reactor
        self.folder = folder
        self.ports: list[Any] = []

    def __call__(self, event: LogEvent) -> None:
        """Note errors that were logged."""
        error = logged_error(event)
        if error is not None:
            self.errors.append(error)

    def open(self) -> None:
        """Make the connections, then follow the script."""
        for number, pair in enumerate(self.program.pairs):
            self.connect(number, pair)
        self.follow(self.script(), PASSES[self.has_tls()])

    def connect(self, number: int, pair: Pair) -> None:
        ends = []
        factories: list[Any] = [Factory(), ClientFactory()]
        for end, kind in enumerate(pair.kinds):
            name = f"{number}.{'client' if end else 'server'} ({pair.medium}, {kind})"
            made = ENDS[kind](
                self, name, *(self.ops_at(number, end, where) for where in ("made", "lost"))
            )
            made.in_tls = pair.medium == "tls"
            factories[end].buildProtocol = lambda _, made=made: made
            factories[end].noisy = False
            ends.append(made)
        self.ends.append((ends[0], ends[1]))
        CONNECT[pair.medium](self, number, *factories)

    def by_tcp(self, number: int, server: Any, client: Any) -> None:
        port = self.reactor.listenTCP(0, server, interface="127.0.0.1")
        self.ports.append(port)
        self.reactor.connectTCP("127.0.0.1", port.getHost().port, client)

    def by_unix(self, number: int, server: Any, client: Any) -> None:
        path = str(self.folder / f"{number}")
        self.ports.append(self.reactor.listenUNIX(path, server))
        self.reactor.connectUNIX(path, client)

    def by_tls(self, number: int, server: Any, client: Any) -> None:
        port = self.reactor.listenSSL(
            0, server, CERTIFICATE.server_options(), interface="127.0.0.1"
        )
        self.ports.append(port)
        options = CERTIFICATE.client_options()
        self.reactor.connectSSL("127.0.0.1", port.getHost().port, client, options)

    def start_tls(self, server: Any, client: Any) -> None:
        server.in_tls = client.in_tls = True
        server.transport.startTLS(CERTIFICATE.server_options())
        client.transport.startTLS(CERTIFICATE.client_options())

    def follow(self, script: Iterator[None], passes: int) -> None:
        """Go on with the script whenever nothing has moved for some passes of the loop."""
        rest = Rest(self, passes)

        def look() -> None:
            nonlocal rest
            if rest.come():
                rest = Rest(self, passes)
                try:
                    next(script)
                except StopIteration:
                    self.close()
                    return
            self.reactor.callLater(rest.pause, look)

        look()

    def close(self) -> None:
        for port in self.ports:
            port.stopListening()
        self.reactor.callLater(0, self.reactor.stop)


CONNECT: dict[str, Callable[..., None]] = {
    "tcp": TwistedScene.by_tcp,
    "unix": TwistedScene.by_unix,
    "tls": TwistedScene.by_tls,
}


def play(program: Program, reactor: Any, folder: Path) -> list[Any]:
    """The outcome of a program on this reactor, which is of no use afterwards."""
    scene = TwistedScene(program, reactor, folder)
    globalLogPublisher.addObserver(scene)
    try:
        with as_global_reactor(reactor):
            reactor.callWhenRunning(scene.open)
            reactor.run(installSignalHandlers=False)
    finally:
        globalLogPublisher.removeObserver(scene)
    left = [str(call.func) for call in reactor.getDelayedCalls()]
    return [*scene.outcome, ("left", left, sorted(scene.errors))]
