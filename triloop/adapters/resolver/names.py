"""Host names: which ones DNS may be asked for, and their form in messages."""

from __future__ import annotations

import functools
from dataclasses import dataclass

__all__ = ["Name", "parse_name", "to_wire"]

_MAX_NAME = 255  # bytes, in a message
_MAX_LABEL = 63
_LENGTHS = [bytes((length,)) for length in range(_MAX_LABEL + 1)]
# A longer text cannot become a name, whatever the IDNA mapping removes; and the mapping is slow.
_MAX_TEXT = 1024
# The characters that the C library accepts in a host name.
_ALLOWED = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."


@dataclass(eq=False, slots=True)
class Name:
    """A host name; there is one object for each name.

    Attributes:
        text: As in a hosts file: ASCII, lower case, with the trailing dot if there is one.
        dots: How many dots it has, a trailing one included.
        is_absolute: Whether it ends in a dot, so that no search domain may follow.
        is_askable: Whether it can be a host name in DNS.
        is_localhost: Whether it is ``localhost`` or below it, so this machine (RFC 6761, 6.3).
    """

    text: bytes
    dots: int
    is_absolute: bool
    is_askable: bool
    is_localhost: bool


@functools.lru_cache(maxsize=4096)
def parse_name(host: str | bytes) -> Name:
    """Parse a host name, which may be internationalised.

    Args:
        host: The name; bytes are not changed.

    Raises:
        UnicodeError: ``host`` has no ASCII form.
    """
    text = (host if isinstance(host, bytes) else _to_ascii(host)).lower()
    is_absolute = text.endswith(b".")
    is_askable = (
        not text.translate(None, _ALLOWED)
        and not text.startswith(b"-")
        and to_wire(text[:-1] if is_absolute else text) is not None
    )
    is_localhost = text.rstrip(b".").rpartition(b".")[2] == b"localhost"
    return Name(text, text.count(b"."), is_absolute, is_askable, is_localhost)


def _to_ascii(host: str) -> bytes:
    if host.isascii():
        return host.encode("ascii")
    if len(host) > _MAX_TEXT:
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


@functools.lru_cache(maxsize=4096)
def to_wire(text: bytes) -> bytes | None:
    """Encode a name as in messages.

    Args:
        text: The name, in lower case and without a trailing dot.

    Returns:
        Its labels, each after its length, and that of the root; None if the name is not valid.
    """
    labels = text.split(b".")
    lengths = [len(label) for label in labels]
    if len(text) > _MAX_NAME - 2 or not min(lengths) or max(lengths) > _MAX_LABEL:
        return None
    return b"".join([_LENGTHS[len(label)] + label for label in labels]) + b"\0"
