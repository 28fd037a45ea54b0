"""A server of one world and a client of another: TCP, UNIX sockets and TLS, in every nesting."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.contract.certificates import Certificate
from tests.contract.peers import CLIENTS, SERVERS, Medium
from tests.contract.worlds import Stage, World

PAYLOAD = random.Random(7).randbytes(300_000)  # more than a socket's buffers hold
CONNECTIONS = 3
# Twisted passes its own certificate objects to pyOpenSSL, which deprecates them.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL .* is deprecated")

PAIRS = [(server, client) for server in SERVERS for client in CLIENTS if server != client]


@pytest.fixture(params=["tcp", "unix", "tls"])
def medium(request: pytest.FixtureRequest, tmp_path: Path, certificate: Certificate) -> Medium:
    if request.param == "unix":
        return Medium(path=tmp_path / "socket")
    return Medium(certificate=certificate if request.param == "tls" else None)


async def exchange(world: World, medium: Medium, server: str, client: str) -> list[bytes]:
    """The answers to several connections at once."""
    ask = CLIENTS[client]
    async with SERVERS[server](world, medium) as served:
        asked = [ask(world, medium, served, PAYLOAD[i:]) for i in range(CONNECTIONS)]
        return list(await asyncio.gather(*asked))


def test_all_pairs_of_worlds(stage: Stage, medium: Medium) -> None:
    async def main(world: World) -> dict[tuple[str, str], list[bytes]]:
        return {
            (server, client): await exchange(world, medium, server, client)
            for server, client in PAIRS
        }

    heard = stage.play(main)
    assert sorted(heard) == sorted(PAIRS)
    for pair, answers in heard.items():
        assert answers == [PAYLOAD[i:] for i in range(CONNECTIONS)], pair


@pytest.mark.parametrize(("server", "client"), [("tornado", "asyncio"), ("asyncio", "tornado")])
def test_native_loops_tell_what_is_right(
    native_stage: Stage, medium: Medium, server: str, client: str
) -> None:
    heard = native_stage.play(lambda world: exchange(world, medium, server, client))
    assert heard == [PAYLOAD[i:] for i in range(CONNECTIONS)]
