"""Servers that break the rules: no question goes on for ever, and each gets an answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.resolver.harness import INET, LONG, UNSPEC
from tests.interop.resolver.scripted import Asked, ScriptedServer
from tests.unit.resolver.messages import AAAA
from triloop.adapters.resolver.resolver import TwistedResolver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TRUNCATED, REFUSAL, DENIAL = 0x8380, 0x8181, 0x8183


@contextlib.contextmanager
def server_of(script: Callable[[Asked], Iterable[bytes]]) -> Iterator[tuple[ScriptedServer, Any]]:
    """A server, and a resolver that asks it."""
    server = ScriptedServer(script)

    def resolver(**options: Any) -> Any:
        nowhere = dict.fromkeys(["hosts", "resolv", "nsswitch"], "/dev/null")
        return TwistedResolver(
            **{"servers": [server.address], "timeout": (LONG,), **nowhere, **options}
        )

    try:
        yield server, resolver
    finally:
        server.close()


def found(resolver: Any, *hosts: str, family: int = INET) -> list[Any]:
    """The addresses of each host, or the code of the error; all are asked for at once."""

    async def one(host: str) -> Any:
        try:
            return [sockaddr[0] for _, sockaddr in await resolver.resolve(host, 0, family)]
        except socket.gaierror as failed:
            return failed.errno

    async def all_of_them() -> list[Any]:
        return list(await asyncio.wait_for(asyncio.gather(*map(one, hosts)), 30))

    return asyncio.run(all_of_them())


def test_what_is_truncated_over_tcp_too_is_all_there_is() -> None:
    def script(asked: Asked) -> list[bytes]:
        return [asked.reply("192.0.2.1", flags=TRUNCATED)]

    with server_of(script) as (server, resolver):
        assert found(resolver(), "x.test") == [["192.0.2.1"]]
        assert [asked.by_tcp for asked in server.asked] == [False, True]


@pytest.mark.parametrize("garbage", [b"\0", b"\0" * 40])
def test_a_connection_that_carries_no_answers_is_not_tried_again(garbage: bytes) -> None:
    def script(asked: Asked) -> list[bytes]:
        return [garbage, b""] if asked.by_tcp else [asked.reply(flags=TRUNCATED)]

    with server_of(script) as (server, resolver):
        assert found(resolver(), "x.test") == [socket.EAI_AGAIN]
        assert server.connections == 1


def test_a_connection_that_ends_after_an_answer_is_made_again_for_the_others() -> None:
    def script(asked: Asked) -> list[bytes]:
        return [asked.reply("192.0.2.1"), b""] if asked.by_tcp else [asked.reply(flags=TRUNCATED)]

    hosts = [f"n{number}.test" for number in range(5)]
    with server_of(script) as (server, resolver):
        assert found(resolver(), *hosts) == [["192.0.2.1"]] * 5
        assert server.connections == 5


def test_many_questions_may_be_refused_for_their_edns_at_once() -> None:
    def script(asked: Asked) -> list[bytes]:
        return [asked.reply(flags=REFUSAL) if asked.has_edns else asked.reply("192.0.2.1")]

    hosts = [f"n{number}.test" for number in range(50)]
    with server_of(script) as (_, resolver):
        assert found(resolver(), *hosts) == [["192.0.2.1"]] * 50


def test_a_server_that_drops_edns_is_asked_without() -> None:
    def script(asked: Asked) -> list[bytes]:
        return [] if asked.has_edns else [asked.reply("192.0.2.1")]

    async def two(resolver: Any) -> None:
        await resolver.resolve("one.test", 0, INET)
        await resolver.resolve("two.test", 0, INET)

    with server_of(script) as (server, resolver):
        asyncio.run(two(resolver(timeout=(0.1, LONG))))
        # Only the first name has to wait.
        assert server.names() == ["one.test", "one.test", "two.test"]
        assert [asked.has_edns for asked in server.asked] == [True, False, False]


def test_a_family_that_is_never_answered_holds_up_no_other_name() -> None:
    def script(asked: Asked) -> list[bytes]:
        return [] if asked.kind == AAAA else [asked.reply("192.0.2.1")]

    hosts = [f"n{number}.test" for number in range(60)]
    with server_of(script) as (_, resolver):
        assert found(resolver(max_in_flight=8), *hosts, family=UNSPEC) == [["192.0.2.1"]] * 60


def test_a_denial_is_kept_for_the_time_of_its_zone_only() -> None:
    # Without the record of the zone there is no such time.
    def script(asked: Asked) -> list[bytes]:
        return [asked.reply(flags=DENIAL)]

    async def two(resolver: Any) -> None:
        for _ in range(2):
            with pytest.raises(socket.gaierror):
                await resolver.resolve("x.test", 0, INET)

    with server_of(script) as (server, resolver):
        asyncio.run(two(resolver()))
        assert server.names() == ["x.test", "x.test"]


def test_a_failure_is_not_kept() -> None:
    replies = iter([0x8182, 0x8180])

    def script(asked: Asked) -> list[bytes]:
        flags = next(replies)
        return [asked.reply(*["192.0.2.1"] * (flags == 0x8180), flags=flags)]

    async def two(resolver: Any) -> Any:
        with pytest.raises(socket.gaierror):
            await resolver.resolve("x.test", 0, INET)
        return await resolver.resolve("x.test", 0, INET)

    with server_of(script) as (_, resolver):
        assert asyncio.run(two(resolver())) == [(INET, ("192.0.2.1", 0))]


def test_without_any_server_in_reach_rotation_is_no_hindrance(tmp_path: Any) -> None:
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("nameserver fe80::1%nosuchlink\noptions rotate\n")
    resolver = TwistedResolver(resolv=str(resolv), hosts="/dev/null")
    assert found(resolver, "x.test") == [socket.EAI_AGAIN]


def test_no_port_is_used_for_long() -> None:
    with server_of(lambda asked: [asked.reply("192.0.2.1")]) as (server, resolver):
        assert (
            found(resolver(), *(f"n{number}.test" for number in range(1000)))
            == [["192.0.2.1"]] * 1000
        )
    questions = Counter(asked.port for asked in server.asked)
    assert sum(questions.values()) == 1000
    assert max(questions.values()) <= 200
