"""Host names in asyncio on Twisted: looked up in threads, or by a resolver without threads."""

from __future__ import annotations

from typing import Any, Protocol

from triloop.private.guest_loop import GuestLoop

__all__ = ["AddressResolver", "ResolvingLoop"]


class AddressResolver(Protocol):
    """A resolver that can answer a loop's ``getaddrinfo``."""

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0
    ) -> list[Any]:
        """See :meth:`asyncio.loop.getaddrinfo`."""


class ResolvingLoop(GuestLoop):
    """A selector loop that may be given a resolver.

    Attributes:
        resolver: Answers ``getaddrinfo`` without flags, and so connections by name: a
            `triloop.TwistedResolver`. None: the C library, in a thread.
    """

    resolver: AddressResolver | None = None

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """See :meth:`asyncio.loop.getaddrinfo`."""
        if self.resolver is None or host is None or flags:
            return await super().getaddrinfo(
                host, port, family=family, type=type, proto=proto, flags=flags
            )
        return await self.resolver.getaddrinfo(host, port, family=family, type=type, proto=proto)
