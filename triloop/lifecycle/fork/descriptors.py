"""Descriptors that a child has inherited: which may be used, and how to replace the others."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
from pathlib import Path
from typing import Any

__all__ = ["close_pidfd", "is_shareable", "unshare_pair", "unshare_poller"]


def unshare_poller(owner: Any, name: str) -> None:
    """Give the poller ``owner.name`` a kernel object of its own, with nothing registered."""
    poller = getattr(owner, name, None)
    if poller is None or getattr(poller, "closed", False):
        return
    if sys.platform == "linux" and isinstance(poller, select.epoll):
        _unshare_epoll(poller.fileno())
    elif hasattr(select, "kqueue"):  # pragma: no cover - no child inherits its parent's kqueue
        if isinstance(poller, select.kqueue):
            setattr(owner, name, select.kqueue())


def _unshare_epoll(number: int) -> None:
    """Replace an inherited epoll by a new one under the same number."""
    with contextlib.closing(select.epoll()) as fresh:
        os.dup2(fresh.fileno(), number, inheritable=False)


def unshare_pair(reading: Any, writing: Any) -> None:
    """Replace an inherited pair of sockets by a new one under the same numbers."""
    for ours, inherited in zip(socket.socketpair(), (reading, writing), strict=True):
        with ours:
            ours.setblocking(False)
            os.dup2(ours.fileno(), inherited.fileno(), inheritable=False)


def is_shareable(fd: int) -> bool:
    """Whether several processes may serve it: a socket that listens, or takes any datagram."""
    try:
        probe = socket.socket(fileno=fd)
    except OSError:
        return False
    try:
        if probe.type == socket.SOCK_DGRAM:
            return not _has_peer(probe)
        return probe.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) != 0
    except OSError:
        return False
    finally:
        probe.detach()


def _has_peer(probe: socket.socket) -> bool:
    try:
        probe.getpeername()
    except OSError:
        return False
    return True


def close_pidfd(fd: int) -> None:
    """Close ``fd`` if it is a pidfd: no other object closes an inherited one."""
    with contextlib.suppress(OSError):
        if "pidfd" in str(Path(f"/proc/self/fd/{fd}").readlink()):
            os.close(fd)
