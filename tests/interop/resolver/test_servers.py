"""Servers that are silent, late, lame or absent; and the cost of many questions."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.resolver.harness import (
    INET,
    LONG,
    DNSProcess,
    Names,
    World,
    descriptors,
    resolv_conf,
)

if TYPE_CHECKING:
    from pathlib import Path

has_ipv6 = True
try:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
except OSError:
    has_ipv6 = False


def closed_port() -> tuple[str, int]:
    with socket.socket(INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        address: tuple[str, int] = unused.getsockname()
        return address


class SilentServer:
    """Reads questions and does not answer."""

    def __init__(self) -> None:
        self.socket = socket.socket(INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.address: tuple[str, int] = self.socket.getsockname()

    def asked(self) -> int:
        """The number of questions since the last call."""
        count = 0
        try:
            while self.socket.recv(4096):
                count += 1
        except BlockingIOError:
            return count
        raise AssertionError("an empty datagram")


@pytest.fixture
def silent() -> Any:
    server = SilentServer()
    yield server
    server.socket.close()


# -- silence ------------------------------------------------------------------------------------


def test_a_silent_server_is_asked_again(names: Names, dns: DNSProcess, fresh: str) -> None:
    name = f"{fresh}.flaky.test"
    assert names.addresses(name, INET, timeout=(0.1, LONG)) == ["192.0.2.7"]
    assert dns.questions(name) == ["udp A", "udp A"]


def test_silent_servers_end_in_a_temporary_failure(names: Names, dns: DNSProcess) -> None:
    started = time.monotonic()
    assert names.error("silent.test", timeout=(0.1, 0.2)) == socket.EAI_AGAIN
    assert 0.29 < time.monotonic() - started < 9
    assert dns.questions("silent.test") == ["udp A", "udp A", "udp AAAA", "udp AAAA"]


def test_a_late_answer_is_taken(names: Names, dns: DNSProcess, fresh: str) -> None:
    # The second question is what makes the server answer the first; it is not answered itself.
    name = f"{fresh}.late.test"
    assert names.addresses(name, INET, timeout=(0.1, LONG)) == ["192.0.2.18"]
    assert dns.questions(name) == ["udp A", "udp A"]


def test_an_answer_that_arrived_while_the_loop_was_blocked_counts(
    names: Names, dns: DNSProcess, fresh: str
) -> None:
    name = f"{fresh}.any.test"

    async def held() -> list[tuple[int, Any]]:
        asked = asyncio.ensure_future(names.resolve(name, INET, timeout=(0.2, LONG)))
        assert await dns.asked(name) == ["udp A"]
        time.sleep(0.4)  # noqa: ASYNC251 - the loop is held
        return await asked

    assert names.world.run(held()) == [(INET, ("192.0.2.20", 80))]
    assert not dns.questions(name)


def test_a_dead_server_costs_one_lookup(names: Names, silent: SilentServer, fresh: str) -> None:
    options: dict[str, Any] = {
        "servers": [silent.address, names.server.address],
        "timeout": (0.1, LONG),
    }

    async def several() -> list[int]:
        asked: list[int] = []
        for number in range(3):
            await names.resolve(f"{fresh}-{number}.any.test", INET, **options)
            asked.append(silent.asked())
        return asked

    assert names.world.run(several()) == [1, 0, 0]


# -- refusals -----------------------------------------------------------------------------------


def test_a_refusal_goes_to_the_next_server_at_once(
    names: Names, dns: DNSProcess, fresh: str
) -> None:
    name = f"{fresh}.moody.test"
    servers = [dns.address, dns.address]
    assert names.addresses(name, INET, servers=servers, timeout=(LONG,)) == ["192.0.2.16"]
    assert dns.questions(name) == ["udp A", "udp A"]


def test_a_server_that_refuses_is_not_asked_again(names: Names, dns: DNSProcess) -> None:
    names.error("refused.test", INET, timeout=(LONG, LONG))
    assert dns.questions("refused.test") == ["udp A"]


def test_a_server_that_knows_no_edns_is_asked_without(names: Names, dns: DNSProcess) -> None:
    assert names.addresses("old.test", INET, timeout=(LONG,)) == ["192.0.2.21"]
    assert dns.questions("old.test") == ["udp A", "udp A"]


def test_a_server_that_is_down_is_passed_over_at_once(names: Names, dns: DNSProcess) -> None:
    servers = [closed_port(), dns.address]
    assert names.addresses("four.test", servers=servers, timeout=(LONG,)) == ["192.0.2.4"]
    assert names.error("four.test", servers=[closed_port()], timeout=(LONG,)) == socket.EAI_AGAIN


def test_a_server_without_a_route_is_passed_over(names: Names, dns: DNSProcess) -> None:
    # A link-local address without its link cannot be connected to.
    servers = [("fe80::1", 53), dns.address]
    assert names.addresses("four.test", servers=servers, timeout=(LONG,)) == ["192.0.2.4"]


@pytest.mark.skipif(not has_ipv6, reason="this machine has no IPv6 loopback")
def test_a_server_may_have_an_ipv6_address(names: Names) -> None:
    server = DNSProcess("::1")
    try:
        assert names.addresses("four.test", servers=[server.address]) == ["192.0.2.4"]
        assert len(names.addresses("big.test", INET, servers=[server.address])) == 300
    finally:
        server.close()


# -- many questions -----------------------------------------------------------------------------


def test_equal_questions_are_asked_once(names: Names, dns: DNSProcess) -> None:
    async def many() -> list[Any]:
        return list(await asyncio.gather(*(names.resolve("dual.test") for _ in range(100))))

    assert all(len(found) == 4 for found in names.world.run(many()))
    assert dns.questions("dual.test") == ["udp A", "udp AAAA"]


def test_answers_are_cached_unless_the_cache_is_off(
    names: Names, dns: DNSProcess, fresh: str
) -> None:
    name = f"{fresh}.any.test"
    for cache_size, asked in ((10, ["udp A"]), (10, []), (0, ["udp A"]), (0, ["udp A"])):
        assert names.addresses(name, INET, cache_size=cache_size) == ["192.0.2.20"]
        assert dns.questions(name) == asked


def test_thousands_at_once_need_a_few_sockets(names: Names, fresh: str) -> None:
    held: list[int] = []

    async def one(number: int) -> None:
        assert await names.resolve(f"{fresh}-{number}.any.test", INET, timeout=(LONG,))
        if not number % 50:
            held.append(descriptors())

    async def all_of_them() -> int:
        before = descriptors()
        await asyncio.gather(*(one(number) for number in range(1000)))
        return max(held) - before

    assert 1 <= names.world.run(all_of_them()) <= 16


def test_truncated_answers_come_by_one_connection(names: Names, fresh: str) -> None:
    held: list[int] = []

    async def one(number: int) -> int:
        found = await names.resolve(f"{fresh}-{number}.big.test", INET, timeout=(LONG,))
        held.append(descriptors())
        return len(found)

    async def all_of_them() -> list[int]:
        before = descriptors()
        found = await asyncio.gather(*(one(number) for number in range(5)))
        # Datagrams by one socket, and the connection with its poller.
        assert max(held) - before <= 3
        return list(found)

    assert names.world.run(all_of_them()) == [300] * 5


def test_without_a_descriptor_a_question_waits(names: Names, fresh: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def starved() -> list[tuple[int, Any]]:
        with socket.socket() as highest:
            limit = highest.fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        asyncio.get_running_loop().call_later(
            0.2, resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard)
        )
        return await names.resolve(f"{fresh}.any.test", INET)

    try:
        assert names.world.run(starved()) == [(INET, ("192.0.2.20", 80))]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_use_vc_asks_over_tcp_only(names: Names, dns: DNSProcess, tmp_path: Path) -> None:
    resolv = resolv_conf(tmp_path / "resolv", "options use-vc\n", dns)
    assert names.addresses("four.test", INET, servers=None, resolv=resolv) == ["192.0.2.4"]
    assert dns.questions("four.test") == ["tcp A"]


# -- cancellation -------------------------------------------------------------------------------


async def cancel(names: Names, dns: DNSProcess, host: str, **options: Any) -> None:
    before = descriptors()
    task = asyncio.ensure_future(names.resolve(host, **{"timeout": (LONG,), **options}))
    await dns.asked(options.get("awaited", host))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert descriptors() == before


@pytest.mark.parametrize("host", ["silent.test", "half-silent.test", "mute.test"])
def test_cancelling_frees_everything_at_once(host: str, names: Names, dns: DNSProcess) -> None:
    names.world.run(cancel(names, dns, host))


def test_cancelling_one_of_two_leaves_the_other(names: Names, dns: DNSProcess, fresh: str) -> None:
    async def two() -> list[tuple[int, Any]]:
        name = f"{fresh}.late.test"
        options: dict[str, Any] = {"timeout": (0.1, LONG)}
        first, second = (
            asyncio.ensure_future(names.resolve(name, INET, **options)) for _ in range(2)
        )
        await dns.asked(name)
        first.cancel()
        return await second

    assert names.world.run(two()) == [(INET, ("192.0.2.18", 80))]


def test_what_is_queued_can_be_cancelled(names: Names, dns: DNSProcess, fresh: str) -> None:
    async def queued() -> None:
        options: dict[str, Any] = {"timeout": (LONG,), "max_in_flight": 1}
        first = asyncio.ensure_future(names.resolve("silent.test", INET, **options))
        await dns.asked("silent.test")
        second = asyncio.ensure_future(names.resolve(f"{fresh}.any.test", INET, **options))
        third = asyncio.ensure_future(names.resolve(f"{fresh}-3.any.test", INET, **options))
        await asyncio.sleep(0)
        second.cancel()
        first.cancel()
        assert await third == [(INET, ("192.0.2.20", 80))]

    names.world.run(queued())
    assert not dns.questions(f"{fresh}.any.test")


def test_a_loop_may_be_closed_in_the_middle_of_a_lookup(dns: DNSProcess, hosts: Path) -> None:
    before = descriptors()
    loop = asyncio.new_event_loop()
    names = Names(World(loop), dns, hosts)

    async def left() -> None:
        # The question for the other family goes on.
        await names.resolve("half-silent.test", timeout=(LONG,), cache_size=10)

    loop.run_until_complete(left())
    loop.close()
    assert descriptors() > before
    # The next loop that asks closes what was left.
    asyncio.run(names.resolve("four.test"))
    assert descriptors() == before
