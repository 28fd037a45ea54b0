"""The questions under way to one server on one socket."""

from __future__ import annotations

import secrets
from typing import Protocol

from triloop.adapters.resolver.servers import Server
from triloop.adapters.resolver.wire import OPT, Answer, WireError, mixed_case, pack, read_answer

__all__ = ["Asked", "Channel"]

# How many random bytes to get at once: a system call for each question would cost too much.
_BATCH = 8192


class _Noise:
    """Random bytes that cannot be guessed, each used once."""

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        begin = self._at
        end = self._at = begin + count
        if end > len(self._bytes):
            self._bytes = secrets.token_bytes(_BATCH)
            begin, end = 0, count
            self._at = count
        return self._bytes[begin:end]

    def clear(self) -> None:
        """Drop what is left: a child of ``os.fork`` must not use the same bytes as its parent."""
        self._bytes = b""


noise = _Noise()


class Asked(Protocol):
    """A question, as its channels see it."""

    name: bytes
    kind: int
    attempts: list[tuple[Channel, bytes]]

    def answered(self, server: Server, answer: Answer) -> None:
        """A server has answered."""

    def failed(self, server: Server) -> None:
        """A server cannot be reached, or its answers are malformed."""

    def interrupted(self, server: Server) -> None:
        """A server has closed the connection after it answered others."""


class Channel:
    """A socket to a name server, with the questions that it carries."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.asked = 0
        self._pending: dict[bytes, tuple[Asked, bytes]] = {}

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

    def drop(self, number: bytes) -> None:
        """Stop waiting for the answer to a question; after the last one the channel is closed."""
        self._pending.pop(number, None)
        if not self._pending:
            self.close()

    def _pack(self, question: Asked) -> bytes:
        """Give a question an id on this channel, and make its message."""
        server, pending = self.server, self._pending
        number = noise.take(2)
        while number in pending:
            number = noise.take(2)
        name = question.name
        if server.is_remote and server.keeps_case is not False:
            name = mixed_case(name, noise.take(len(name)))
        pending[number] = question, name
        question.attempts.append((self, number))
        self.asked += 1
        return pack(number, name, question.kind, OPT if server.knows_edns else b"")

    def _take(self, data: bytes) -> None:
        """Pass an answer to its question; anything else is ignored."""
        entry = self._pending.get(data[:2])
        if entry is None:
            return
        question, name = entry
        try:
            answer = read_answer(data, name, question.kind)
        except WireError:
            question.failed(self.server)
            return
        if answer is not None and self._is_believable(answer, name):
            self.server.answered()
            question.answered(self.server, answer)

    def _is_believable(self, answer: Answer, name: bytes) -> bool:
        server = self.server
        if not answer.keeps_case:
            if server.keeps_case:
                return False
            server.keeps_case = False
        elif server.keeps_case is None and not name.islower():
            server.keeps_case = True
        return True

    def _fail_all(self) -> None:
        """Fail all questions: the server cannot be reached on this socket."""
        pending, self._pending = self._pending, {}
        for question, _ in pending.values():
            question.failed(self.server)
        self.close()
