"""Lost, doubled, delayed and forged datagrams; thousands of lookups with few descriptors."""

from __future__ import annotations

import asyncio
import resource
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.dns.servers import Proxy
from tests.interop.resolver.harness import descriptors
from triloop.adapters.resolver.resolver import TwistedResolver

if TYPE_CHECKING:
    from tests.dns.servers import Servers

NOWHERE = {"hosts": "/dev/null", "resolv": "/dev/null"}


@pytest.mark.parametrize("seed", range(3))
def test_a_fifth_of_all_datagrams_lost(seed: int, servers: Servers) -> None:
    proxy = Proxy(servers.addresses["nsd"], seed)
    resolver: Any = TwistedResolver(servers=[proxy.address], timeout=[0.3] * 12, **NOWHERE)

    async def many() -> list[Any]:
        return await asyncio.gather(
            *(resolver.resolve(f"n{n}.many.test", 0, socket.AF_INET) for n in range(300))
        )

    found = asyncio.run(many())
    proxy.close()
    assert found == [[(socket.AF_INET, (f"10.9.{n >> 8}.{n & 255}", 0))] for n in range(300)]
    assert proxy.lost > 30


@pytest.mark.parametrize("kind", ["nsd", "unbound", "dnsmasq"])
def test_five_thousand_at_once_under_a_low_limit(kind: str, servers: Servers) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    resolver: Any = TwistedResolver(servers=[servers.addresses[kind]], **NOWHERE)
    held: list[int] = []

    async def one(number: int) -> Any:
        found = await resolver.resolve(f"n{number}.many.test", 0, socket.AF_INET)
        if not number % 100:
            held.append(descriptors())
        return found[0][1][0]

    async def many() -> list[Any]:
        return await asyncio.gather(*(one(number) for number in range(5000)))

    before = descriptors()
    try:
        found = asyncio.run(many())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == [f"10.9.{n >> 8}.{n & 255}" for n in range(5000)]
    # The loop has an epoll and a pair of sockets.
    assert max(held) - before <= 16 + 3
