"""A DNS server whose answers a test writes by hand, in threads of the test's own process."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, NamedTuple

from tests.unit.resolver.messages import AAAA, OPT, QUESTION, A, message, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Asked(NamedTuple):
    """A question as the server got it."""

    data: bytes
    name: str
    kind: int
    by_tcp: bool
    #: Of the client.
    port: int

    @property
    def has_edns(self) -> bool:
        return struct.pack("!BH", 0, OPT) in self.data

    def reply(
        self, *addresses: str, flags: int = 0x8180, name: str | None = None, ttl: int = 300
    ) -> bytes:
        """A reply with these addresses."""
        size = {A: socket.AF_INET, AAAA: socket.AF_INET6}[self.kind]
        records = tuple(
            record(QUESTION, self.kind, socket.inet_pton(size, text), ttl) for text in addresses
        )
        end = self.data.index(b"\0", 12) + 1
        repeated = self.data[12:end] if name is None else name.encode()
        return message(repeated, self.kind, records, flags=flags, number=self.data[:2])


class ScriptedServer:
    """Serves UDP and TCP on one port.

    Args:
        script: Gives the messages to send in answer to a question; over TCP the connection is
            closed after an empty one.
    """

    def __init__(self, script: Callable[[Asked], Iterable[bytes]]) -> None:
        self._script = script
        self.asked: list[Asked] = []
        self.connections = 0
        while True:
            self._tcp = socket.create_server(("127.0.0.1", 0))
            self.address: tuple[str, int] = self._tcp.getsockname()
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._udp.bind(self.address)
                break
            except OSError:
                self._tcp.close()
                self._udp.close()
        self._threads = [
            threading.Thread(target=serve) for serve in (self._datagrams, self._listen)
        ]
        for thread in self._threads:
            thread.start()

    def names(self) -> list[str]:
        """The names it was asked for, in order."""
        return [asked.name for asked in self.asked]

    def _answer(self, data: bytes, port: int, *, by_tcp: bool) -> Iterable[bytes]:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += data[at] + 1
        (kind,) = struct.unpack_from("!H", data, at + 1)
        asked = Asked(data, ".".join(labels), kind, by_tcp, port)
        self.asked.append(asked)
        return self._script(asked)

    def _datagrams(self) -> None:
        while True:
            data, asker = self._udp.recvfrom(4096)
            if not data:
                return
            for reply in self._answer(data, asker[1], by_tcp=False):
                self._udp.sendto(reply, asker)

    def _listen(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                connection, _ = self._tcp.accept()
                if self._is_closing:
                    connection.close()
                    return
                self.connections += 1
                with connection:
                    self._stream(connection)

    _is_closing = False

    def _stream(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        port: int = connection.getpeername()[1]
        while head := stream.read(2):
            data = stream.read(int.from_bytes(head, "big"))
            for reply in self._answer(data, port, by_tcp=True):
                if not reply:
                    return
                connection.sendall(struct.pack("!H", len(reply)) + reply)

    def close(self) -> None:
        self._is_closing = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.address)
        socket.create_connection(self.address).close()
        for thread in self._threads:
            thread.join(10)
        self._udp.close()
        self._tcp.close()
