"""The errors of a lookup: those of getaddrinfo, each naming the host."""

from __future__ import annotations

import socket
import sys

__all__ = ["NO_DATA", "AddressError", "FamilyError", "resolution_error"]

#: The name exists and has no such address; EAI_NONAME on systems without a code for that.
NO_DATA: int = socket.EAI_NODATA if sys.platform == "linux" else socket.EAI_NONAME

_MESSAGES = {
    socket.EAI_AGAIN: "Temporary failure in name resolution",
    socket.EAI_FAIL: "Non-recoverable failure in name resolution",
    socket.EAI_FAMILY: "ai_family not supported",
    socket.EAI_SERVICE: "Servname not supported for ai_socktype",
    NO_DATA: "No address associated with hostname",
    socket.EAI_NONAME: "Name or service not known",
}


class AddressError(socket.gaierror, ValueError):
    """A name server is not an address literal with a port."""


class FamilyError(socket.gaierror, ValueError):
    """The argument for the address family is something else, most often a port."""


def resolution_error(code: int, subject: object) -> socket.gaierror:
    """Make the error that getaddrinfo gives for an ``EAI_`` code.

    Args:
        code: One of ``socket.EAI_AGAIN``, ``EAI_FAIL``, ``EAI_FAMILY``, ``EAI_NODATA``,
            ``EAI_NONAME``, ``EAI_SERVICE``.
        subject: The host, family or port that it is about.
    """
    return socket.gaierror(code, f"{_MESSAGES[code]}: {subject!r}")
