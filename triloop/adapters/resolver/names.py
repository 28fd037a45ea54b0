"""Host names: which may be asked for, and how DNS has them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

__all__ = ["Name", "parse_name", "to_wire"]

_MAX_NAME = 255  # bytes, in a message
_MAX_LABEL = 63
# Longer ones cannot become names, whatever a mapping drops of them; and the mapping takes time.
_MAX_TEXT = 1024
# What the C library takes for a host name: letters, digits, hyphen and underscore.
_ALLOWED = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."


@dataclass(frozen=True, eq=False)
class Name:
    """A host name; there is one object for each.

    Attributes:
        text: As a hosts file has it: ASCII, lower case, with its trailing dot.
        dots: How many dots it has, the trailing one too.
        is_absolute: Whether it ends in a dot, so that no search domain may follow.
        is_askable: Whether it can be a host name in DNS.
        is_localhost: Whether it is ``localhost``, or under it: RFC 6761, 6.3 has it stay on this
            machine.
    """

    text: bytes
    dots: int
    is_absolute: bool
    is_askable: bool
    is_localhost: bool


@functools.lru_cache(maxsize=4096)
def parse_name(host: str | bytes) -> Name:
    """Read a host name, an internationalised one too.

    Args:
        host: The name; bytes are taken as they are.

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
    """The name as IDNA 2008 has it; None where only the rules of 2003 may take it."""
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
    """Give a name as messages have it.

    Args:
        text: The name, in lower case and without a trailing dot.

    Returns:
        Its labels, each after its length, and the root's; None if the name is no good.
    """
    labels = text.split(b".")
    if len(text) > _MAX_NAME - 2 or not all(0 < len(label) <= _MAX_LABEL for label in labels):
        return None
    return b"".join([bytes((len(label),)) + label for label in labels]) + b"\0"
