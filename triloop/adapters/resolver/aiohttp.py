"""Names to addresses for aiohttp."""

from __future__ import annotations

import socket
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from triloop.adapters.resolver.resolver import TwistedResolver

__all__ = ["AiohttpResolver"]


class AiohttpResolver(AbstractResolver):
    """An aiohttp resolver that asks as `triloop.TwistedResolver` does.

    ::

        connector = aiohttp.TCPConnector(resolver=triloop.AiohttpResolver())

    Needs aiohttp: ``pip install triloop[aiohttp]``.

    Args:
        options: Those of `triloop.TwistedResolver`.
    """

    def __init__(self, **options: Any) -> None:
        self._resolver: TwistedResolver = TwistedResolver(**options)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Find the addresses of a host.

        Raises:
            OSError: There is none.
        """
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host,
                host=_with_scope(*sockaddr),
                port=sockaddr[1],
                family=key,
                proto=socket.IPPROTO_TCP,
                flags=flags,
            )
            for key, sockaddr in await self._resolver.resolve(host, port, family)
        ]

    async def close(self) -> None:
        """Nothing is held while nothing is asked."""


def _with_scope(host: str, port: int, flow: int = 0, scope: int = 0) -> str:
    return f"{host}%{scope}" if scope else host
