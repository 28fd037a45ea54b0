"""Makes DNS messages by hand."""

from __future__ import annotations

import struct

A, CNAME, SOA, AAAA, OPT = 1, 5, 6, 28, 41
QUESTION = b"\xc0\x0c"  # a pointer to the name asked for


def wire(name: str) -> bytes:
    """The labels of a name."""
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(name: bytes, kind: int, data: bytes, ttl: int = 300, kind_class: int = 1) -> bytes:
    """A resource record."""
    return name + struct.pack("!HHIH", kind, kind_class, ttl, len(data)) + data


def soa(ttl: int = 300, minimum: int = 60) -> bytes:
    """The record of a zone that denies a name."""
    data = wire("ns.test") + wire("root.test") + struct.pack("!5I", 1, 2, 3, 4, minimum)
    return record(wire("test"), SOA, data, ttl)


def message(  # each part of it
    name: bytes,
    kind: int = A,
    answers: tuple[bytes, ...] = (),
    authorities: tuple[bytes, ...] = (),
    extras: tuple[bytes, ...] = (),
    flags: int = 0x8180,
    number: bytes = b"\x12\x34",
) -> bytes:
    """A reply to a question."""
    counts = struct.pack("!5H", flags, 1, len(answers), len(authorities), len(extras))
    question = name + struct.pack("!HH", kind, 1)
    return number + counts + question + b"".join((*answers, *authorities, *extras))
