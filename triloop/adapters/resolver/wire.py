"""DNS messages: makes questions for the addresses of a name, and reads the answers.

No number in an answer can be trusted. Reading takes time in proportion to the message's length: a
compression pointer has to lead back, never forward, and no name is read twice.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

__all__ = [
    "AAAA",
    "FORMERR",
    "NOERROR",
    "NOTIMP",
    "NXDOMAIN",
    "A",
    "Answer",
    "WireError",
    "mixed_case",
    "pack",
    "read_answer",
]

A, _CNAME, _SOA, AAAA, _OPT = 1, 5, 6, 28, 41
_IN = 1
NOERROR, FORMERR, NXDOMAIN, NOTIMP = 0, 1, 3, 4

# The flags: a reply, authoritative, truncated; recursion is desired, is available.
_QR, _AA, _TC, _RD, _RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
_OPCODE, _RCODE = 0x7800, 0x000F

_HEADER = struct.Struct("!5H")  # what follows the id
_RECORD = struct.Struct("!HHIH")  # what follows a record's name
_U32 = struct.Struct("!I")
_QUESTION = 12
_MAX_NAME = 255
_MAX_TTL = 0x7FFFFFFF

# EDNS (RFC 6891): answers of up to 1,232 bytes are not fragmented anywhere.
_EDNS = b"\0" + _RECORD.pack(_OPT, 1232, 0, 0)
_TYPES = {A: b"\0\1\0\1", AAAA: b"\0\x1c\0\1"}  # and the class
_FAMILIES = {A: (socket.AF_INET, 4), AAAA: (socket.AF_INET6, 16)}
# An address of the name asked for: a pointer to that with type and class, TTL, length, address.
_PLAIN = {
    kind: (family, size, b"\xc0\x0c" + _TYPES[kind], struct.Struct(f"!6sIH{size}s"))
    for kind, (family, size) in _FAMILIES.items()
}
# What goes between the id and the name, and after the name, with EDNS and without.
_COUNTS = {True: b"\1\0\0\1\0\0\0\0\0\1", False: b"\1\0\0\1\0\0\0\0\0\0"}
_ENDS = {(kind, edns): end + _EDNS * edns for kind, end in _TYPES.items() for edns in (True, False)}
# The bit that makes a letter upper or lower case.
_CASE = bytes(0x20 if chr(byte).isalpha() and byte < 128 else 0 for byte in range(256))


class WireError(Exception):
    """A message does not have the form of RFC 1035."""


class Answer(NamedTuple):
    """The answer of a server about one name and type.

    Attributes:
        rcode: The response code, extended by EDNS.
        addresses: Address literals, in the order of the message, without duplicates.
        alias: If there are no addresses: the name that the aliases lead to. It is the name asked
            for if they form a circle.
        ttl: The seconds for which this may be cached; 0 if it may not.
        is_truncated: Whether the whole answer has to be asked for over TCP.
        is_lame: Whether the server does not know the name and does not ask other servers.
        keeps_case: Whether it repeats the question with the case of each letter.
    """

    rcode: int
    addresses: tuple[str, ...] = ()
    alias: bytes | None = None
    ttl: int = 0
    is_truncated: bool = False
    is_lame: bool = False
    keeps_case: bool = True


def pack(number: bytes, name: bytes, kind: int, *, with_edns: bool = True) -> bytes:
    """Make a question.

    Args:
        number: The two bytes of its id.
        name: The labels of the name.
        kind: `A` or `AAAA`.
        with_edns: Whether the server may be asked with EDNS.
    """
    return number + _COUNTS[with_edns] + name + _ENDS[kind, with_edns]


def mixed_case(name: bytes, noise: bytes) -> bytes:
    """Give each letter of a name a random case that cannot be guessed.

    Args:
        name: The labels of the name, in lower case.
        noise: Random bytes, as many as the name has.
    """
    letters = int.from_bytes(name.translate(_CASE), "big") & int.from_bytes(noise, "big")
    return (int.from_bytes(name, "big") ^ letters).to_bytes(len(name), "big")


def read_answer(data: bytes, asked: bytes, kind: int, *, is_whole: bool = False) -> Answer | None:
    """Read a message that may be the answer to a question.

    Args:
        data: The message.
        asked: The labels of the name, as they were sent.
        kind: The type asked for.
        is_whole: Whether there is no more to be had, whatever the message says: over TCP.

    Returns:
        The answer; None if the message does not answer this question.

    Raises:
        WireError: It answers the question, but is malformed.
    """
    if len(data) < _QUESTION:
        return None
    flags, questions, answers, authorities, extras = _HEADER.unpack_from(data, 2)
    if flags & (_QR | _OPCODE) != _QR:
        return None
    rcode = flags & _RCODE
    end = _QUESTION + len(asked) + 4
    keeps_case = data.startswith(asked, _QUESTION)
    if (
        questions != 1
        or not (keeps_case or data[_QUESTION : end - 4].lower() == asked.lower())
        or not data.startswith(_TYPES[kind], end - 4)
    ):
        # A server that could not read the question may leave it out.
        return Answer(rcode) if rcode and not questions else None
    if flags & _TC and not is_whole:
        return Answer(rcode, is_truncated=True, keeps_case=keeps_case)
    addresses, ttl = _plain_addresses(data, end, answers, kind)
    if not addresses or rcode:
        name = asked.lower()
        message = _Message(data, end, name)
        addresses, alias, ttl = message.follow(answers, name, kind)
    if addresses and not rcode:
        answer = Answer(NOERROR, addresses, None, ttl)
        return answer if keeps_case else answer._replace(keeps_case=False)
    seconds, extended = message.closing(authorities, extras)
    lame = not (rcode or answers or seconds or flags & (_AA | _RA) or extended)
    ttl = min(ttl, seconds)
    return Answer(rcode | extended, (), alias, ttl, is_lame=lame, keeps_case=keeps_case)


def _plain_addresses(data: bytes, at: int, count: int, kind: int) -> tuple[tuple[str, ...], int]:
    """Read the usual answer: only addresses, all of the name asked for.

    Returns:
        The addresses and their time to live; no addresses if there is anything else.
    """
    family, size, head, record = _PLAIN[kind]
    end = at + count * record.size
    if len(data) < end:
        return (), 0
    addresses, shortest = [], _MAX_TTL
    for found, ttl, length, packed in record.iter_unpack(data[at:end]):
        if found != head or length != size:
            return (), 0
        if ttl < shortest:
            shortest = ttl
        elif ttl > _MAX_TTL:
            shortest = 0
        addresses.append(socket.inet_ntop(family, packed))
    return tuple(dict.fromkeys(addresses) if count > 1 else addresses), shortest


class _Message:
    """The records of a message, one section after the other."""

    def __init__(self, data: bytes, at: int, name: bytes) -> None:
        self._data = data
        self._at = at
        # Names by their offset; with compression most of them are that of the question.
        self._names = {_QUESTION: name}

    def records(self, count: int) -> Iterator[tuple[bytes, int, int, int, int]]:
        """The next records: name, type, time to live, offset and length of the data."""
        data, unpack, size = self._data, _RECORD.unpack_from, _RECORD.size
        for _ in range(count):
            name, at = self._name(self._at)
            if at + size > len(data):
                raise WireError("a record is cut short")
            kind, kind_class, ttl, length = unpack(data, at)
            begin = at + size
            self._at = begin + length
            if self._at > len(data):
                raise WireError("a record is cut short")
            if kind_class == _IN or kind == _OPT:
                yield name, kind, ttl if ttl <= _MAX_TTL or kind == _OPT else 0, begin, length

    def follow(
        self, count: int, asked: bytes, kind: int
    ) -> tuple[tuple[str, ...], bytes | None, int]:
        """Follow the aliases of a name: the addresses, the last alias, the time to live."""
        family, size = _FAMILIES[kind]
        aliases: dict[bytes, bytes] = {}
        found: dict[bytes, list[bytes]] = {}
        times: dict[bytes, int] = {}
        for owner, its_kind, ttl, at, length in self.records(count):
            if its_kind == kind:
                if length != size:
                    raise WireError("an address is too long or too short")
                found.setdefault(owner, []).append(self._data[at : at + size])
            elif its_kind == _CNAME:
                aliases[owner], end = self._name(at)
                if end != at + length:
                    raise WireError("an alias is too long or too short")
            else:
                continue
            times[owner] = min(ttl, times.get(owner, ttl))
        name, ttl = asked, times.get(asked, _MAX_TTL)
        for _ in range(len(aliases)):
            if name not in aliases:
                break
            name = aliases[name]
            ttl = min(ttl, times.get(name, ttl))
        if name in aliases:
            return (), asked, 0
        packed = dict.fromkeys(found.get(name, ()))
        addresses = tuple(socket.inet_ntop(family, each) for each in packed)
        return addresses, name if aliases and name != asked else None, ttl

    def closing(self, authorities: int, extras: int) -> tuple[int, int]:
        """Read the last sections: the time to live of a denial, the high bits of the rcode."""
        seconds = extended = 0
        for _, kind, ttl, at, length in self.records(authorities):
            if kind == _SOA and length >= 22:
                seconds = min(ttl, _U32.unpack_from(self._data, at + length - 4)[0])
        for _, kind, ttl, _, _ in self.records(extras):
            if kind == _OPT:
                extended = ttl >> 24 << 4
        return seconds, extended

    def _name(self, at: int) -> tuple[bytes, int]:
        """The name at an offset, in lower case, and the offset of its end."""
        data, names = self._data, self._names
        if data[at : at + 2] == b"\xc0\x0c":
            return names[_QUESTION], at + 2
        # Each label, and each pointer, with its offset.
        parts: list[tuple[int, bytes]] = []
        start = at
        end = 0  # known at the first pointer
        while not end or at not in names:
            length = data[at] if at < len(data) else 0xFF
            after = at + 1 + length
            if length == 0:
                names[at] = b"\0"
                end = end or after
            elif length < 64:
                parts.append((at, data[at:after].lower()))
                at = after
            elif length < 0xC0 or at + 2 > len(data):
                raise WireError("a name is cut short")
            else:
                parts.append((at, b""))
                end = end or at + 2
                at = (length & 0x3F) << 8 | data[at + 1]
                if not _QUESTION <= at < start:
                    raise WireError("a pointer does not lead back to a name")
                start = at
        tail = names[at]
        for begin, label in reversed(parts):
            tail = label + tail
            if len(tail) > _MAX_NAME:
                raise WireError("a name is too long")
            names[begin] = tail
        return tail, end
