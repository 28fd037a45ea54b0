"""The private part of uvloop."""

from __future__ import annotations

from typing import Any

__all__ = ["is_libuv", "poller_number"]


def is_libuv(loop: object) -> bool:
    """Whether it is a uvloop."""
    return hasattr(loop, "_get_backend_id")


def poller_number(loop: Any) -> int:
    """The descriptor of its epoll or kqueue."""
    return int(loop._get_backend_id())
