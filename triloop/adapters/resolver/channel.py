"""The questions under way to one server on one socket."""

from __future__ import annotations

import secrets
from typing import Protocol

from triloop.adapters.resolver.servers import Server
from triloop.adapters.resolver.wire import Answer, WireError, mixed_case, pack, read_answer

__all__ = ["Asked", "Channel", "Noise"]

# How many random bytes to get at once: a system call for each question would cost too much.
_BATCH = 8192


class Noise:
    """Random bytes that cannot be guessed, each used once; for one thread."""

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        begin = self._at
        end = self._at = begin + count
        if end > len(self._bytes):
            self._bytes = secrets.token_bytes(_BATCH)
            begin, end = 0, count
            self._at = count
        return self._bytes[begin:end]


class Asked(Protocol):
    """A question, as its channels see it."""

    name: bytes
    kind: int
    attempts: list[tuple[Channel, bytes]]
    #: Whether to ask with EDNS, and in letters of random case.
    has_edns: bool
    mixes_case: bool

    def answered(self, server: Server, answer: Answer) -> None:
        """A server has answered."""

    def failed(self, server: Server) -> None:
        """A server cannot be reached, or its answers are malformed."""

    def doubted(self, server: Server) -> None:
        """The name comes back in another case, though the server keeps the case of others."""

    def interrupted(self, server: Server) -> None:
        """A server has closed the connection after it answered others."""


class Channel:
    """A socket to a name server, with the questions that it carries.

    Args:
        server: The server.
        noise: Where the ids come from.
    """

    #: Whether answers come in one piece, however long.
    is_stream = False

    def __init__(self, server: Server, noise: Noise) -> None:
        self.server = server
        self.asked = 0
        self._noise = noise
        # By id: the question, its name as it was sent, whether with EDNS.
        self._pending: dict[bytes, tuple[Asked, bytes, bool]] = {}

    def send(self, question: Asked) -> None:
        """Send a question.

        Raises:
            OSError: It cannot be sent.
        """
        raise NotImplementedError

    def read(self) -> None:
        """Read what has arrived."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the socket. Idempotent."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Close this process's copy of the socket, and leave the loop's poller alone."""
        raise NotImplementedError

    def drop(self, number: bytes) -> None:
        """Stop waiting for the answer to a question; after the last one the channel is closed."""
        self._pending.pop(number, None)
        if not self._pending:
            self.close()

    def _pack(self, question: Asked) -> bytes:
        """Give a question an id on this channel, and make its message."""
        server, pending, take = self.server, self._pending, self._noise.take
        number = take(2)
        while number in pending:
            number = take(2)
        name = question.name
        if server.is_remote and question.mixes_case and server.keeps_case is not False:
            name = mixed_case(name, take(len(name)))
        has_edns = question.has_edns
        pending[number] = question, name, has_edns
        question.attempts.append((self, number))
        self.asked += 1
        return pack(number, name, question.kind, with_edns=has_edns)

    def _take(self, data: bytes) -> bool:
        """Pass an answer to its question; False if it is not an answer to any."""
        entry = self._pending.get(data[:2])
        if entry is None:
            return False
        question, name, has_edns = entry
        server = self.server
        try:
            answer = read_answer(data, name, question.kind, is_whole=self.is_stream)
        except WireError:
            question.failed(server)
            return False
        if answer is None:
            return False
        is_normal = answer.keeps_case and (server.keeps_case or not server.is_remote)
        if not is_normal and not self._is_believable(answer, name):
            question.doubted(server)
            return False
        server.answered(with_edns=has_edns)
        question.answered(server, answer)
        return True

    def _is_believable(self, answer: Answer, name: bytes) -> bool:
        """Learn whether the server repeats names to the letter; False if it has done so before."""
        server = self.server
        if answer.keeps_case:
            if not name.islower():
                server.keeps_case = True
        elif server.keeps_case:
            return name.islower()
        else:
            server.keeps_case = False
        return True

    def _fail_all(self) -> None:
        """Fail all questions: the server cannot be reached on this socket."""
        pending, self._pending = self._pending, {}
        for question, _, _ in pending.values():
            question.failed(self.server)
        self.close()
