"""A lookup that is given up, at any turn of the loop, leaves nothing behind."""

from __future__ import annotations

import asyncio
import resource
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.resolver.harness import LONG, UNSPEC, World, descriptors
from tests.interop.resolver.scripted import Asked, ScriptedServer
from tests.unit.resolver.messages import AAAA
from triloop.adapters.resolver.resolver import TwistedResolver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRUNCATED = 0x8380
TURNS = [*range(8), 12, 20, 40]


def script(asked: Asked) -> list[bytes]:
    """What a name gets is in the name."""
    what = asked.name.partition(".")[0]
    if what == "silent" or (what == "half" and asked.kind == AAAA):
        return []
    if what == "nowhere":
        return [asked.reply(flags=0x8183)]
    if what == "mute":
        return [] if asked.by_tcp else [asked.reply(flags=TRUNCATED)]
    if what == "long" and not asked.by_tcp:
        return [asked.reply(flags=TRUNCATED)]
    return [asked.reply("2001:db8::1" if asked.kind == AAAA else "192.0.2.1")]


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer(script)
    yield server
    server.close()


@pytest.fixture
def options(server: ScriptedServer, tmp_path: Path) -> dict[str, Any]:
    address, port = server.address
    (tmp_path / "resolv").write_text(f"nameserver {address}:{port}\nsearch a.test b.test\n")
    (tmp_path / "hosts").write_text("".join(f"10.0.0.9 ad{n}.test\n" for n in range(20_000)))
    return {
        "resolv": str(tmp_path / "resolv"),
        "timeout": (LONG,),
        "hosts": "/dev/null",
        "nsswitch": "/dev/null",
        "cache_size": 0,
    }


def left_in(resolver: Any) -> dict[str, Any]:
    """What an engine still holds of lookups."""
    engine = resolver._last[1]
    if engine is None:
        return {}
    found = {"lookups": len(engine._lookups), "hosts": len(engine.hosts._waiting)}
    client = engine._client
    if client is not None:
        found |= {
            "questions": len(client._questions),
            "queue": len(client._queue),
            "kept": len(client._kept),
            "under way": client._under_way,
            "deadlines": client.deadlines._active,
            "timer": int(client.deadlines._timer is not None),
            "channels": len(client._channels()),
        }
    return {name: number for name, number in found.items() if number}


async def give_up(resolver: Any, host: str, turns: int) -> None:
    before = descriptors()
    tasks = [asyncio.ensure_future(resolver.resolve(host, 0, UNSPEC)) for _ in range(2)]
    for _ in range(turns):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert left_in(resolver) == {}
    await descriptors_are(before)


async def descriptors_are(number: int) -> None:
    """Wait for the server, which closes its end of a connection in a thread of its own."""
    for _ in range(1000):
        if descriptors() == number:
            break
        await asyncio.sleep(0.01)
    assert descriptors() == number


@pytest.mark.parametrize(
    "host", ["silent.test", "half.test", "mute.test", "long.test", "nowhere", "good.test"]
)
def test_nothing_is_left_of_a_lookup(host: str, world: World, options: dict[str, Any]) -> None:
    async def at_every_turn() -> None:
        for turns in TURNS:
            await give_up(TwistedResolver(**options), host, turns)

    world.run(at_every_turn())


def test_nothing_is_left_while_the_hosts_file_is_read(
    world: World, options: dict[str, Any], tmp_path: Path
) -> None:
    async def at_every_turn() -> None:
        for turns in TURNS:
            path = tmp_path / f"hosts{turns}"
            path.write_bytes((tmp_path / "hosts").read_bytes())
            await give_up(TwistedResolver(**{**options, "hosts": str(path)}), "silent.test", turns)

    world.run(at_every_turn())


def test_nothing_is_left_in_the_queue(world: World, options: dict[str, Any]) -> None:
    async def at_every_turn() -> None:
        for turns in TURNS[:6]:
            resolver: Any = TwistedResolver(**options, max_in_flight=1)
            first = asyncio.ensure_future(resolver.resolve("silent.test", 0, socket.AF_INET))
            await asyncio.sleep(0)
            second = asyncio.ensure_future(resolver.resolve("queued.test", 0, UNSPEC))
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in (second, first):
                task.cancel()
            await asyncio.gather(first, second, return_exceptions=True)
            assert left_in(resolver) == {}

    world.run(at_every_turn())


def test_nothing_is_left_of_one_that_waits_for_a_socket(
    world: World, options: dict[str, Any]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def starved() -> None:
        resolver: Any = TwistedResolver(**options)
        with socket.socket() as highest:
            limit = highest.fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        try:
            task = asyncio.ensure_future(resolver.resolve("good.test", 0, UNSPEC))
            await asyncio.sleep(0.01)
            assert left_in(resolver)["deadlines"]
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert left_in(resolver) == {}
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    world.run(starved())
