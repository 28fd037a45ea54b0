"""A send fails: what the peer has sent before is delivered, and the end is the native one."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from tests.unit.twisted_in_asyncio.connections import native, tcp_pair
from triloop import ReactorEventLoop, TornadoReactor
from triloop.adapters.twisted_in_asyncio.poller import LeanReactor

LAST_WORDS = b"550 the reason why\r\n"
MANY_WORDS = b"w" * 200_000  # more than is read at once
FAMILIES = {"TCP": socket.AF_INET, "UNIX": socket.AF_UNIX}


def pair_of(family: str) -> tuple[socket.socket, socket.socket]:
    """A connection: the end under test, and the peer's, which has room for all that is sent."""
    near, far = tcp_pair() if family == "TCP" else socket.socketpair()
    for end, option in ((near, socket.SO_RCVBUF), (far, socket.SO_SNDBUF)):
        end.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
    near.setblocking(False)
    return near, far


# How the peer ends.


def closes(near: socket.socket, far: socket.socket) -> None:
    far.close()
    if near.family == socket.AF_INET:
        near.send(b"!")  # this causes the reset that the next send meets


def closes_with_unread_input(near: socket.socket, far: socket.socket) -> None:
    near.send(b"!")
    far.close()


def resets(near: socket.socket, far: socket.socket) -> None:
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()


def reads_no_more(near: socket.socket, far: socket.socket) -> None:
    far.shutdown(socket.SHUT_RD)


ENDS = [closes, closes_with_unread_input, resets]


class Talk(Protocol):
    """Plays a scene once the peer has ended, and records its calls."""

    transport: Any
    #: Whether it is in a timed call, ahead of the poll, and not before the first one.
    later = False

    def __init__(self, scene: Scene, end: Callable[[], None]) -> None:
        self.scene = scene
        self.end = end
        self.told: list[object] = []
        self.received = 0

    def connectionMade(self) -> None:
        if self.scene is answers:
            return
        if self.later:
            self.transport.reactor.callLater(0, self.begin)
        else:
            self.begin()

    def begin(self) -> None:
        self.end()
        self.scene(self)

    def dataReceived(self, data: bytes) -> None:
        if self.scene is answers and not self.received:
            self.scene(self)
        self.received += len(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.told.append(reason.type.__name__)
        self.transport.reactor.stop()

    def pauseProducing(self) -> None:
        """A producer's; how often is between it and the socket."""

    def resumeProducing(self) -> None:
        self.transport.write(b"next command")

    def stopProducing(self) -> None:
        self.told.append("stop producing")


Scene = Callable[[Talk], None]


@implementer(IHalfCloseableProtocol)
class HalfCloseable(Talk):
    """The same, with a call for the end of each direction."""

    def readConnectionLost(self) -> None:
        self.told.append("read lost")

    def writeConnectionLost(self) -> None:
        self.told.append("write lost")


class Later(Talk):
    """The same, in a timed call."""

    later = True


class LaterHalfCloseable(HalfCloseable):
    """The same, in a timed call."""

    later = True


def writes(talk: Talk) -> None:
    talk.transport.write(b"next command")


def writes_twice(talk: Talk) -> None:
    talk.transport.write(b"next command")
    talk.transport.reactor.callLater(0, talk.transport.write, b"and one more")


def writes_in_sequence(talk: Talk) -> None:
    talk.transport.writeSequence([b"next ", b"command"])


def answers(talk: Talk) -> None:
    """Write and end within ``dataReceived``."""
    talk.end()
    talk.transport.write(b"next command")


def loses(talk: Talk) -> None:
    talk.transport.loseConnection()


def half_closes(talk: Talk) -> None:
    talk.transport.loseWriteConnection()


def writes_and_loses(talk: Talk) -> None:
    talk.transport.write(b"next command")
    talk.transport.loseConnection()


def writes_and_half_closes(talk: Talk) -> None:
    talk.transport.write(b"next command")
    talk.transport.loseWriteConnection()


def writes_while_paused(talk: Talk) -> None:
    talk.transport.pauseProducing()
    talk.transport.write(b"next command")


def streams(talk: Talk) -> None:
    talk.transport.registerProducer(talk, True)
    talk.transport.write(b"next command")


def pulls(talk: Talk) -> None:
    talk.transport.registerProducer(talk, False)


SCENES = [
    *(writes, writes_twice, writes_in_sequence, answers, streams, pulls),
    *(loses, writes_and_loses, half_closes, writes_and_half_closes, writes_while_paused),
]
#: The scenes that read what there is.
READING = SCENES[:6]


OURS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def play(reactor: Any, talk: Talk, family: str, words: bytes, end: Any) -> tuple[int, list[object]]:
    """What the protocol received, and its calls."""
    near, far = pair_of(family)
    if talk.scene is answers:
        far.sendall(b"hello")

    def peer_ends() -> None:
        far.sendall(words)
        end(near, far)

    talk.end = peer_ends
    factory = Factory()
    factory.buildProtocol = lambda addr: talk  # type: ignore[method-assign]
    reactor.callWhenRunning(reactor.adoptStreamConnection, near.fileno(), FAMILIES[family], factory)
    guard = reactor.callLater(10, reactor.stop)
    reactor.run(installSignalHandlers=False)
    if guard.active():
        guard.cancel()
    near.close()
    far.close()
    return talk.received, talk.told


def told_by_twisted(*scenario: Any, talk: type[Talk], scene: Scene) -> tuple[int, list[object]]:
    with native() as reactor:
        return play(reactor, talk(scene, lambda: None), *scenario)


def told_by_us(loop: str, *scenario: Any, talk: type[Talk], scene: Scene) -> Any:
    made = OURS[loop]()
    with TornadoReactor(made) as reactor:
        seen = play(reactor, talk(scene, lambda: None), *scenario)
    made.close()
    return seen


@pytest.mark.parametrize("loop", OURS)
@pytest.mark.parametrize("talk", [Talk, HalfCloseable, Later, LaterHalfCloseable])
@pytest.mark.parametrize("family", FAMILIES)
def test_last_data_and_end_are_as_on_twisteds_own_reactor(
    family: str, talk: type[Talk], loop: str
) -> None:
    for scene in SCENES:
        for end in ENDS:
            for words in (b"", LAST_WORDS):
                scenario = family, words, end
                right = told_by_twisted(*scenario, talk=talk, scene=scene)
                seen = told_by_us(loop, *scenario, talk=talk, scene=scene)
                assert seen == right, (scene.__name__, end.__name__, words)


@pytest.mark.parametrize("family", FAMILIES)
def test_all_that_has_arrived_is_delivered(family: str) -> None:
    """Also where Twisted's own reactor gives up after the first read."""
    for scene in READING:
        for end in ENDS:
            seen = told_by_us("asyncio", family, MANY_WORDS, end, talk=Talk, scene=scene)
            greeting = 5 if scene is answers else 0
            assert seen[0] == len(MANY_WORDS) + greeting, (scene.__name__, end.__name__)


def test_peer_that_only_sends_does_not_keep_the_connection_open() -> None:
    """On a UNIX socket a peer that does not read can go on for ever."""
    scenario = "UNIX", LAST_WORDS, reads_no_more
    right = told_by_twisted(*scenario, talk=Talk, scene=writes)
    assert right == (len(LAST_WORDS), ["ConnectionLost"])
    assert told_by_us("asyncio", *scenario, talk=Talk, scene=writes) == right


# asyncio's transports, on a reactor.


@dataclass
class Hearer(asyncio.Protocol):
    """Records its calls."""

    lost: asyncio.Future[BaseException | None]
    received: int = 0
    told: list[str] = field(default_factory=list)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)

    def eof_received(self) -> bool:
        self.told.append("eof")
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.set_result(exc)


Move = Callable[[Any], None]


def sends(transport: Any) -> None:
    transport.write(b"next command")


def sends_much(transport: Any) -> None:
    transport.write(MANY_WORDS)
    transport.write(b"next command")


def sends_lines(transport: Any) -> None:
    transport.writelines([b"next ", b"command"])


def sends_and_closes(transport: Any) -> None:
    transport.write(b"next command")
    transport.close()


def sends_and_pauses(transport: Any) -> None:
    transport.write(b"next command")
    transport.pause_reading()


def pauses_and_sends(transport: Any) -> None:
    transport.pause_reading()
    transport.write(b"next command")


MOVES = [sends, sends_much, sends_lines, sends_and_closes, sends_and_pauses, pauses_and_sends]


async def hear(family: str, words: bytes, end: Any, move: Move) -> tuple[int, list[str], str]:
    """What the protocol received, its calls, and the error of the end."""
    loop = asyncio.get_running_loop()
    near, far = pair_of(family)
    hearer = Hearer(loop.create_future())
    transport, _ = await loop.create_connection(lambda: hearer, sock=near)
    await asyncio.sleep(0)
    far.sendall(words)
    end(near, far)
    move(transport)
    reason = await asyncio.wait_for(hearer.lost, 10)
    far.close()
    return hearer.received, hearer.told, type(reason).__name__


@pytest.mark.parametrize("family", FAMILIES)
def test_transports_of_asyncio_end_as_on_its_own_loop(family: str) -> None:
    loop, stock = ReactorEventLoop(LeanReactor()), asyncio.new_event_loop()
    for end in ENDS:
        for move in MOVES:
            for words in (b"", LAST_WORDS, MANY_WORDS):
                scene = family, words, end, move
                seen, right = (each.run_until_complete(hear(*scene)) for each in (loop, stock))
                assert seen[1:] == right[1:], (end.__name__, move.__name__, len(words))
                if move in MOVES[:3]:
                    assert seen[0] == len(words), (end.__name__, move.__name__)
    stock.close()
    loop.close()
    loop.reactor.close()
