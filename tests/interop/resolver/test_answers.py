"""Answers of DNS, on loops of every kind."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.resolver.harness import INET, INET6, LONG, NO_DATA, UNSPEC, WORLDS, Names

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.resolver.harness import DNSProcess

DUAL = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"]


@pytest.mark.parametrize("kind", WORLDS)
def test_any_loop_can_ask(kind: str, dns: DNSProcess, hosts: Path) -> None:
    with WORLDS[kind]() as world:
        names = Names(world, dns, hosts)
        assert sorted(names.addresses("dual.test")) == DUAL
        assert names.sockaddrs("four.test", port="http") == [(INET, ("192.0.2.4", 80))]
        assert names.sockaddrs("six.test") == [(INET6, ("2001:db8::6", 80, 0, 0))]
        assert len(names.addresses("big.test", INET)) == 300
        assert names.error("missing.test") == socket.EAI_NONAME


@pytest.mark.parametrize(
    ("host", "family", "expected"),
    [
        ("dual.test", INET, DUAL[:2]),
        ("dual.test", INET6, DUAL[2:]),
        ("dual.test.", UNSPEC, DUAL),
        ("DUAL.Test", UNSPEC, DUAL),
        (b"dual.test", UNSPEC, DUAL),
        ("four.test", UNSPEC, ["192.0.2.4"]),
        ("alias.test", UNSPEC, DUAL),
        ("lone.test", UNSPEC, DUAL),
        ("half.test", UNSPEC, ["192.0.2.5"]),
        ("bücher.test", UNSPEC, ["192.0.2.11"]),
        ("xn--bcher-kva.test", UNSPEC, ["192.0.2.11"]),
        ("shouted.test", UNSPEC, ["192.0.2.10"]),
        ("twice.test", UNSPEC, ["192.0.2.14"]),
    ],
)
def test_a_name_has_all_its_addresses(
    host: Any, family: int, expected: list[str], names: Names
) -> None:
    assert sorted(names.addresses(host, family)) == expected


@pytest.mark.parametrize(
    ("host", "family", "code"),
    [
        ("missing.test", INET6, socket.EAI_NONAME),
        ("empty.test", UNSPEC, NO_DATA),
        ("four.test", INET6, NO_DATA),
        ("dangling.test", UNSPEC, socket.EAI_NONAME),
        ("refused.test", UNSPEC, socket.EAI_AGAIN),
        ("broken.test", UNSPEC, socket.EAI_AGAIN),
        ("unread.test", UNSPEC, socket.EAI_AGAIN),
        ("untyped.test", UNSPEC, socket.EAI_AGAIN),
        ("half.test", INET6, socket.EAI_AGAIN),
        ("loop.test", UNSPEC, socket.EAI_FAIL),
        ("lone-loop.test", INET, socket.EAI_FAIL),
        ("cut.test", INET, socket.EAI_AGAIN),
    ],
)
def test_without_an_address_there_is_getaddrinfos_error(
    host: Any, family: int, code: int, names: Names
) -> None:
    # No error has to wait for a timeout.
    assert names.error(host, family, timeout=(LONG,)) == code


@pytest.mark.parametrize("host", ["x" * 64 + ".test", "empty..label", "two words.test", "a\0b"])
def test_invalid_names_are_not_asked_for(host: str, names: Names, dns: DNSProcess) -> None:
    assert names.error(host, timeout=(LONG,)) == socket.EAI_NONAME
    assert not dns.questions(host)


def test_both_families_are_asked_for_side_by_side(names: Names, dns: DNSProcess) -> None:
    # The server answers only when it has both questions.
    assert sorted(names.addresses("pair.test")) == ["192.0.2.8", "2001:db8::8"]
    assert dns.questions("pair.test") == ["udp A", "udp AAAA"]


def test_only_the_wanted_family_is_asked_for(names: Names, dns: DNSProcess) -> None:
    names.addresses("dual.test", INET6)
    assert dns.questions("dual.test") == ["udp AAAA"]


def test_a_truncated_answer_is_asked_for_over_tcp(names: Names, dns: DNSProcess) -> None:
    assert len(names.addresses("big.test", INET)) == 300
    assert dns.questions("big.test") == ["tcp A", "udp A"]


def test_forged_answers_are_ignored(names: Names) -> None:
    assert names.addresses("forged.test", INET) == ["192.0.2.9"]


def test_one_silent_family_delays_the_other_only_briefly(names: Names) -> None:
    assert names.addresses("half-silent.test", timeout=(LONG,)) == ["192.0.2.6"]


def test_the_late_family_is_cached_for_the_next_lookup(
    names: Names, dns: DNSProcess, fresh: str
) -> None:
    # Its question is answered when another one is asked.
    host = f"{fresh}.later.test"

    async def twice() -> list[list[str]]:
        options: dict[str, Any] = {"timeout": (LONG,), "cache_size": 10}
        first = await names.resolve(host, **options)
        await names.resolve("release.test", INET, **options)
        second = await names.resolve(host, **options)
        return [sorted(sockaddr[0] for _, sockaddr in found) for found in (first, second)]

    assert names.world.run(twice()) == [["192.0.2.17"], ["192.0.2.17", "2001:db8::17"]]
    assert dns.questions(host) == ["udp A", "udp AAAA"]
