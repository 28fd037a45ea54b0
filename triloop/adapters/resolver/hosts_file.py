"""hosts(5), as the C library reads it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

__all__ = ["HostsTable"]

# Bytes that are read in one step, in a few milliseconds.
_STEP = 1 << 15


class HostsTable:
    """The addresses of each name in a hosts(5) file.

    Args:
        content: The content of the file; `read` goes through it step by step.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        # A single address is a plain str: 150,000 dicts would make the garbage collector pause.
        self._addresses: dict[bytes, str | dict[str, None]] = {}
        # In a long file most lines have the same address.
        self._texts: dict[bytes, str | None] = {}

    def read(self) -> Iterator[None]:
        """Read the file in steps of a few milliseconds."""
        content, begin = self._content, 0
        while begin < len(content):
            end = content.find(b"\n", begin + _STEP) + 1 or len(content)
            self._read_lines(content[begin:end].lower().split(b"\n"))
            begin = end
            yield
        self._content = b""

    def _read_lines(self, lines: list[bytes]) -> None:
        addresses, texts = self._addresses, self._texts
        for line in lines:
            if b"#" in line:
                line = line[: line.index(b"#")]  # noqa: PLW2901
            fields = line.split()
            if not fields:
                continue
            field = fields[0]
            text = texts.get(field, "") or self._text(field)
            if text is None:
                continue
            for name in fields[1:]:
                known = addresses.get(name)
                if known is None:
                    addresses[name] = text
                elif isinstance(known, dict):
                    known[text] = None
                elif known != text:
                    addresses[name] = {known: None, text: None}

    def _text(self, field: bytes) -> str | None:
        """An address literal in its usual form; None if octal, short, scoped or not a literal."""
        text: str | None
        family = socket.AF_INET6 if b":" in field else socket.AF_INET
        try:
            text = socket.inet_ntop(family, socket.inet_pton(family, field.decode("latin-1")))
        except (OSError, ValueError):
            text = None
        self._texts[field] = text
        return text

    def find(self, name: bytes, family: int) -> list[str]:
        """The addresses of a name in one family, or in both, in the order of the file.

        Args:
            name: In lower case.
            family: ``AF_INET``, ``AF_INET6`` or ``AF_UNSPEC``.
        """
        known = self._addresses.get(name)
        if known is None:
            return []
        known = {known: None} if isinstance(known, str) else known
        if family == socket.AF_INET:
            return list(dict.fromkeys(text for each in known if (text := _as_ipv4(each))))
        return [text for text in known if family == socket.AF_UNSPEC or ":" in text]


def _as_ipv4(text: str) -> str | None:
    """The IPv4 address that the C library gives for an address in the file; None for none."""
    if ":" not in text:
        return text
    address = ipaddress.IPv6Address(text)
    if address.is_loopback:
        return "127.0.0.1"
    return str(address.ipv4_mapped) if address.ipv4_mapped else None
