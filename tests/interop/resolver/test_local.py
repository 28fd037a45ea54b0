"""Names that need no DNS, the search domains, and the servers to ask in which loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tornado.iostream import StreamClosedError
from tornado.netutil import Resolver
from tornado.tcpclient import TCPClient
from tornado.tcpserver import TCPServer

import triloop
from tests.interop.resolver.harness import (
    INET,
    INET6,
    LONG,
    NO_DATA,
    WORLDS,
    DNSProcess,
    Names,
    resolv_conf,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tornado.iostream import IOStream


# -- the hosts file and localhost ---------------------------------------------------------------


def test_the_hosts_file_goes_before_dns(names: Names, dns: DNSProcess) -> None:
    assert names.addresses("hosts.test") == ["10.0.0.1", "10.0.0.2"]
    assert names.addresses("other.HOSTS.test") == ["10.0.0.1"]
    assert not dns.questions("hosts.test")


def test_nsswitch_may_put_dns_first(names: Names, dns: DNSProcess, tmp_path: Path) -> None:
    nsswitch = tmp_path / "nsswitch"
    nsswitch.write_text("hosts: dns files\n")
    options: dict[str, Any] = {"nsswitch": str(nsswitch)}
    assert names.addresses("hosts.test", **options) == ["192.0.2.12"]
    assert names.addresses("mixed.test", INET, **options) == ["10.0.0.3"]
    assert dns.questions("mixed.test") == ["udp A"]


def test_a_trailing_dot_skips_the_hosts_file(names: Names) -> None:
    assert names.addresses("hosts.test.") == ["192.0.2.12"]


@pytest.mark.parametrize("host", ["comment.test", "wrong.test"])
def test_strange_names_are_not_hosts(host: str, names: Names) -> None:
    assert names.error(host) == socket.EAI_NONAME


def test_a_family_that_the_hosts_file_lacks_is_asked_for(names: Names, dns: DNSProcess) -> None:
    assert names.error("hosts.test", INET6) == NO_DATA
    assert dns.questions("hosts.test") == ["udp AAAA"]


def test_a_changed_hosts_file_is_read_again(names: Names, hosts: Path) -> None:
    assert names.addresses("hosts.test") == ["10.0.0.1", "10.0.0.2"]
    hosts.write_text("10.0.0.99 hosts.test\n")
    assert names.addresses("hosts.test") == ["10.0.0.99"]


def test_a_long_hosts_file_does_not_block_the_loop(names: Names, hosts: Path) -> None:
    hosts.write_text("".join(f"10.0.0.9 ad{number}.test\n" for number in range(40_000)))

    async def with_others() -> int:
        turns = 0
        looked_up = asyncio.ensure_future(names.resolve("ad39999.test"))
        cancelled = asyncio.ensure_future(names.resolve("ad1.test"))
        await asyncio.sleep(0)
        cancelled.cancel()
        while not looked_up.done():
            await asyncio.sleep(0)
            turns += 1
        assert await looked_up == [(INET, ("10.0.0.9", 80))]
        return turns

    assert names.world.run(with_others()) > 1


def test_localhost_is_never_asked_for(names: Names, dns: DNSProcess, tmp_path: Path) -> None:
    assert names.addresses("localhost") == ["127.0.0.1"]
    assert names.error("LocalHost", INET6) == socket.EAI_NONAME
    for host in ("localhost", "any.localhost."):
        found = names.addresses(host, hosts=str(tmp_path / "absent"))
        assert sorted(found) == ["127.0.0.1", "::1"]
    assert not dns.questions("localhost")


def test_literals_need_no_files(names: Names) -> None:
    options: dict[str, Any] = {
        "hosts": "/dev/null",
        "servers": [("192.0.2.99", 53)],
        "timeout": (LONG,),
    }
    assert names.sockaddrs("127.1", **options) == [(INET, ("127.0.0.1", 80))]
    assert names.sockaddrs("fe80::1%1", **options) == [(INET6, ("fe80::1", 80, 0, 1))]
    assert names.error("127.0.0.1", INET6, **options) == socket.EAI_ADDRFAMILY


def test_ipv6_goes_first_where_it_has_a_route(names: Names) -> None:
    assert names.addresses("mixed.test") == ["10.0.0.3", "fe80::3"]
    assert names.addresses("both.test") == ordered("127.0.0.1", "::1")
    assert names.addresses("loopback.test") == ordered("127.0.0.1", "::1")


def ordered(*addresses: str) -> list[str]:
    """The addresses as this machine reaches them."""
    return sorted(addresses, key=lambda address: not reachable(address) or ":" not in address)


def reachable(address: str) -> bool:
    with socket.socket(INET6 if ":" in address else INET, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex((address, 9)) == 0


# -- search domains -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "options", "asked"),
    [
        ("four", "search none.test test\n", ["four.none.test", "four.test"]),
        ("four.test", "search none.test\n", ["four.test"]),
        ("four", "search test\noptions ndots:0\n", ["four", "four.test"]),
        ("hosts", "search test\n", ["hosts.test"]),
    ],
)
def test_a_short_name_is_looked_for_in_the_domains(
    host: str, options: str, asked: list[str], names: Names, dns: DNSProcess, tmp_path: Path
) -> None:
    resolv = resolv_conf(tmp_path / "resolv", options, dns)
    assert names.addresses(host, INET, servers=None, resolv=resolv)[0].startswith("192.0.2.")
    assert [name for name in asked if dns.questions(name) == ["udp A"]] == asked


@pytest.mark.parametrize(
    ("host", "domains", "code"),
    [
        ("missing", "test none.test", socket.EAI_NONAME),
        ("empty", "test none.test", NO_DATA),
        ("broken", "test none.test", socket.EAI_AGAIN),
        ("silent", "test", socket.EAI_AGAIN),
    ],
)
def test_name_in_no_domain_gives_the_most_specific_error(
    host: str, domains: str, code: int, names: Names, dns: DNSProcess, tmp_path: Path
) -> None:
    resolv = resolv_conf(tmp_path / "resolv", f"search {domains}\n", dns)
    assert names.error(host, INET, servers=None, resolv=resolv, timeout=(0.1,)) == code


def test_families_in_turn_and_one_only(names: Names, dns: DNSProcess, tmp_path: Path) -> None:
    resolv = resolv_conf(tmp_path / "resolv", "options single-request\n", dns)
    assert len(names.addresses("dual.test", servers=None, resolv=resolv)) == 4
    resolv = resolv_conf(tmp_path / "resolv", "options no-aaaa\n", dns)
    dns.forget()
    assert len(names.addresses("dual.test", servers=None, resolv=resolv)) == 2
    assert dns.questions("dual.test") == ["udp A"]
    assert names.error("dual.test", INET6, servers=None, resolv=resolv) == NO_DATA


def test_timeout_and_attempts_are_used(names: Names, dns: DNSProcess, tmp_path: Path) -> None:
    resolv = resolv_conf(tmp_path / "resolv", "options timeout:1 attempts:1\n", dns)
    assert names.error("silent.test", INET, servers=None, resolv=resolv) == socket.EAI_AGAIN
    assert dns.questions("silent.test") == ["udp A"]


# -- faces and loops ----------------------------------------------------------------------------


@pytest.fixture
def configuration() -> Iterator[None]:
    saved = Resolver._save_configuration()
    yield
    Resolver._restore_configuration(saved)


@pytest.mark.usefixtures("configuration")
def test_tornado_and_resolve_use_what_is_configured(dns: DNSProcess, hosts: Path) -> None:
    class Server(TCPServer):
        async def handle_stream(self, stream: IOStream, address: Any) -> None:
            with contextlib.suppress(StreamClosedError):
                await stream.write(b"hello\n")
            stream.close()

    async def connect() -> bytes:
        server = Server()
        server.listen(0, "127.0.0.1")
        (sock,) = server._sockets.values()
        stream = await TCPClient().connect("loopback.test", sock.getsockname()[1])
        try:
            line: bytes = await stream.read_until(b"\n")
            return line
        finally:
            stream.close()
            server.stop()

    Resolver.configure("triloop.TwistedResolver", servers=[dns.address], hosts=str(hosts))
    with WORLDS["TornadoReactor"]() as world:
        assert isinstance(Resolver(), triloop.TwistedResolver)
        assert world.run(connect()) == b"hello\n"
        assert world.run(triloop.resolve("four.test")) == [(INET, ("192.0.2.4", 0))]
        assert world.run(triloop.resolve("four.test", INET, 25)) == [(INET, ("192.0.2.4", 25))]
    assert "udp A" in dns.questions("loopback.test")


def test_a_wrong_option_is_refused_when_it_is_given() -> None:
    with pytest.raises(ValueError, match="servers"):
        triloop.TwistedResolver(servers=[("localhost", 53)])
    with pytest.raises(TypeError, match="retries"):
        triloop.TwistedResolver(retries=3)
    with pytest.raises(TypeError, match="reactor needs"):
        triloop.TwistedResolver(reactor="epoll")


def test_a_port_given_as_a_family_is_refused() -> None:
    with pytest.raises(ValueError, match=r"80 was taken for an address family"):
        asyncio.run(triloop.resolve("some.test", 80))


def test_without_a_loop_the_error_names_the_fix() -> None:
    coroutine = triloop.resolve("some.test")
    with pytest.raises(RuntimeError, match="HostnameResolver"):
        coroutine.send(None)


def test_a_reactor_of_another_loop_is_refused(names: Names) -> None:
    with pytest.raises(RuntimeError, match="leave out the option reactor"):
        asyncio.run(names.resolve("four.test", reactor=names.world.reactor))
    assert names.addresses("four.test", reactor=names.world.reactor) == ["192.0.2.4"]


def test_a_lookup_writes_nothing_at_info(
    names: Names, caplog: pytest.LogCaptureFixture, fresh: str
) -> None:
    with caplog.at_level(logging.INFO):
        names.addresses(f"{fresh}-1.any.test", INET)
    assert not caplog.records
    with caplog.at_level(logging.DEBUG, "triloop.resolver"):
        names.addresses(f"{fresh}-2.any.test", INET)
    (line,) = [record.getMessage() for record in caplog.records if "triloop" in record.name]
    assert f"{fresh}-2" in line
    assert str(names.server.address[1]) in line


def run_script(script: str, *arguments: str) -> Any:
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return json.loads(done.stdout)


INSTALLED = """
import asyncio, json, sys, triloop
from tornado.netutil import Resolver
async def main():
    Resolver.configure("triloop.TwistedResolver", servers=[("127.0.0.1", int(sys.argv[1]))])
    print(json.dumps(await triloop.resolve("four.test")))
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
triloop.install()
loop.run_until_complete(main())
"""


def test_resolve_works_with_a_reactor_installed(dns: DNSProcess) -> None:
    assert run_script(INSTALLED, str(dns.address[1])) == [[2, ["192.0.2.4", 0]]]


ELSEWHERE = """
import asyncio, json, sys, threading, triloop
from twisted.internet import reactor
options = {"servers": [("127.0.0.1", int(sys.argv[1]))]}
seen = []
async def ask():
    try:
        return await triloop.TwistedResolver(**options).resolve("four.test", 0)
    except RuntimeError as failed:
        return str(failed)
async def with_reactor():
    with triloop.TornadoReactor() as reactor:
        return await ask()
def other():
    seen.append(asyncio.run(ask()))
    seen.append(asyncio.run(with_reactor()))
    reactor.callFromThread(reactor.stop)
seen.append(asyncio.run(ask()))
reactor.callWhenRunning(lambda: threading.Thread(target=other).start())
reactor.run()
print(json.dumps(seen))
"""


def test_a_reactor_at_rest_is_accepted_and_one_in_another_thread_refused(dns: DNSProcess) -> None:
    resting, elsewhere, beside = run_script(ELSEWHERE, str(dns.address[1]))
    assert resting == beside == [[2, ["192.0.2.4", 0]]]
    assert "triloop.TornadoReactor()" in elsewhere
