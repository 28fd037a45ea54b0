"""Host names: which ones DNS may be asked for, and their form in messages."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["MAX_NAME", "Name", "parse_name", "to_wire"]

#: The length of a name in a message, in bytes.
MAX_NAME = 255
_MAX_LABEL = 63
_LENGTHS = [bytes((length,)) for length in range(_MAX_LABEL + 1)]
# The same without a trailing dot, as a text.
_MAX_TEXT = MAX_NAME - 2
# A longer text cannot become a name, whatever the IDNA mapping removes; and the mapping is slow.
_MAX_UNICODE = 1024
# What the C library accepts as a host name.
_HOST_NAME = re.compile(rb"(?!-)(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")


@dataclass(eq=False, slots=True)
class Name:
    """A host name.

    Attributes:
        text: As in a hosts file: ASCII, lower case, with the trailing dot if there is one.
        dots: How many dots it has, a trailing one included.
        is_absolute: Whether it ends in a dot, so that no search domain may follow.
        wire: Its labels, as in messages; None if it cannot be a host name in DNS.
        is_localhost: Whether it is ``localhost`` or below it, so this machine (RFC 6761, 6.3).
    """

    text: bytes
    dots: int
    is_absolute: bool
    wire: bytes | None
    is_localhost: bool


def parse_name(host: str | bytes) -> Name:
    """Parse a host name, which may be internationalised.

    Args:
        host: The name; bytes are not changed.

    Raises:
        UnicodeError: ``host`` has no ASCII form.
    """
    text = (host if isinstance(host, bytes) else _to_ascii(host)).lower()
    is_absolute = text.endswith(b".")
    plain = text[:-1] if is_absolute else text
    is_askable = _HOST_NAME.fullmatch(text) and len(plain) <= _MAX_TEXT
    wire = _labels(plain.split(b".")) if is_askable else None
    is_localhost = plain == b"localhost" or plain.endswith(b".localhost")
    return Name(text, text.count(b"."), is_absolute, wire, is_localhost)


def _to_ascii(host: str) -> bytes:
    if host.isascii():
        return host.encode("ascii")
    if len(host) > _MAX_UNICODE:
        raise UnicodeError("too long for a host name")
    return _idna_2008(host) or host.encode("idna")


def _idna_2008(host: str) -> bytes | None:
    """The name by IDNA 2008; None if only the rules of 2003 may allow it."""
    try:
        import idna  # comes with Twisted; loaded here because it is large
    except ImportError:
        return None
    try:
        return idna.encode(host, uts46=True)
    except idna.IDNAError:
        return None


def to_wire(text: bytes) -> bytes | None:
    """Encode a name as in messages.

    Args:
        text: The name, in lower case and without a trailing dot.

    Returns:
        Its labels, each after its length, and that of the root; None if the name is not valid.
    """
    labels = text.split(b".")
    if len(text) > _MAX_TEXT or b"" in labels or len(max(labels, key=len)) > _MAX_LABEL:
        return None
    return _labels(labels)


def _labels(labels: list[bytes]) -> bytes:
    return b"".join([_LENGTHS[len(label)] + label for label in labels]) + b"\0"
