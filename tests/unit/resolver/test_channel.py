"""The questions that a channel sends, and the answers that it accepts."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.resolver.messages import QUESTION, A, message, record, wire
from triloop.adapters.resolver.channel import Channel, Noise
from triloop.adapters.resolver.servers import Server
from triloop.adapters.resolver.udp import UdpChannel

if TYPE_CHECKING:
    from triloop.adapters.resolver.channel import Asked
    from triloop.adapters.resolver.wire import Answer

NAME = wire("www.example.test")


class Question:
    """Records its outcome."""

    def __init__(self) -> None:
        self.name = NAME
        self.kind = A
        self.attempts: list[tuple[Channel, bytes]] = []
        self.has_edns = True
        self.mixes_case = True
        self.told: list[str] = []

    def answered(self, server: Server, answer: Answer) -> None:
        self.told.append("answered")

    def failed(self, server: Server) -> None:
        self.told.append("failed")

    def doubted(self, server: Server) -> None:
        self.told.append("doubted")

    def interrupted(self, server: Server) -> None:
        self.told.append("interrupted")


class OpenChannel(Channel):
    """Puts messages into a list."""

    def __init__(self, server: Server) -> None:
        super().__init__(server, Noise())
        self.sent: list[bytes] = []

    def send(self, question: Asked) -> None:
        self.sent.append(self._pack(question))

    def close(self) -> None:
        """Do nothing."""

    def ask(self, question: Question) -> bytes:
        """Send a question; the name as it was sent."""
        self.send(question)
        return self.sent[-1][12 : 12 + len(NAME)]

    def hear(self, name: bytes, *, address: bytes = b"\x0a\1\2\3") -> bool:
        number = self.sent[-1][:2]
        return self._take(message(name, A, (record(QUESTION, A, address),), number=number))


@pytest.fixture
def channel() -> OpenChannel:
    return OpenChannel(Server(("192.0.2.53", 53)))


def mixed(channel: OpenChannel, question: Question) -> bytes:
    """Ask, until chance has changed the case of a letter."""
    while (name := channel.ask(question)).islower():
        pass
    return name


def test_a_server_that_keeps_the_case_has_to_keep_it(channel: OpenChannel) -> None:
    first, second = Question(), Question()
    assert channel.hear(mixed(channel, first))
    mixed(channel, second)
    assert not channel.hear(NAME)
    # It may be a forgery, or a server behind this one: the question is asked in plain case then.
    assert (first.told, second.told) == (["answered"], ["doubted"])
    second.mixes_case = False
    assert channel.ask(second) == NAME
    assert channel.hear(NAME.upper())
    assert second.told == ["doubted", "answered"]
    assert channel.server.keeps_case


def test_a_server_that_does_not_is_asked_in_plain_case(channel: OpenChannel) -> None:
    question = Question()
    mixed(channel, question)
    assert channel.hear(NAME)
    assert [channel.ask(question) for _ in range(20)] == [NAME] * 20


def test_a_server_on_this_machine_is_asked_in_plain_case() -> None:
    channel = OpenChannel(Server(("127.0.0.1", 53)))
    assert [channel.ask(Question()) for _ in range(20)] == [NAME] * 20


def test_an_answer_to_another_question_is_none(channel: OpenChannel) -> None:
    question = Question()
    channel.ask(question)
    assert not channel.hear(wire("xxx.example.test"))
    assert not channel._take(b"\0" + channel.sent[-1][1:])
    assert not question.told
    assert not channel.hear(channel.sent[-1][12 : 12 + len(NAME)], address=b"short")
    assert question.told == ["failed"]


def test_each_question_has_an_id_of_its_own(channel: OpenChannel) -> None:
    for _ in range(3000):
        channel.ask(Question())
    assert len({sent[:2] for sent in channel.sent}) == 3000


def test_a_server_is_known_to_know_edns_by_its_answers(channel: OpenChannel) -> None:
    server = channel.server
    with_edns, without = Question(), Question()
    without.has_edns = False
    assert channel.hear(channel.ask(without))
    assert server.knows_edns is False
    assert channel.hear(channel.ask(with_edns))
    assert server.knows_edns is True
    assert channel.hear(channel.ask(without))
    assert server.knows_edns is True


def test_many_answers_at_once_do_not_hold_up_the_loop() -> None:
    questions = [Question() for _ in range(150)]
    loop: Any = SimpleNamespace(watch=lambda fd, read: SimpleNamespace(cancel=lambda: None))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        channel = UdpChannel(loop, Server(server.getsockname()), Noise(), lambda _: None)
        for question in questions:
            channel.send(question)
            sent, asker = server.recvfrom(4096)
            answers = (record(QUESTION, A, b"\x0a\1\2\3"),)
            server.sendto(message(NAME, A, answers, number=sent[:2]), asker)
        heard = []
        for _ in range(3):
            channel.read()
            heard.append(sum(question.told == ["answered"] for question in questions))
        channel.close()
    assert heard == [64, 128, 150]
