"""Names resolved through a real DNS server, on either kind of reactor."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tornado.iostream import StreamClosedError
from tornado.netutil import Resolver
from tornado.tcpclient import TCPClient
from tornado.tcpserver import TCPServer
from twisted.internet.pollreactor import PollReactor
from twisted.internet.selectreactor import SelectReactor

import triloop
from triloop.adapters.resolver.resolver import TwistedResolver, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from tornado.iostream import IOStream

LONG = 60.0  # more than a test may take
UNSPEC, INET, INET6 = socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6
NO_DATA = socket.EAI_NODATA if sys.platform == "linux" else socket.EAI_NONAME
fresh = (f"n{number}" for number in itertools.count())

has_ipv6 = True
try:
    with socket.socket(INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
except OSError:
    has_ipv6 = False
needs_ipv6 = pytest.mark.skipif(not has_ipv6, reason="this machine has no IPv6 loopback")


class DNSProcess:
    """The DNS server of these tests."""

    def __init__(self, address: str) -> None:
        script = Path(__file__).with_name("dns_server.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.address = (address, int(self.process.stdout.readline()))
        os.set_blocking(self.process.stdout.fileno(), False)

    def questions(self, name: str) -> list[str]:
        """What it was asked about ``name`` since the last call: transport and type."""
        assert self.process.stdout is not None
        lines = (line.decode().split() for line in self.process.stdout.readlines())
        return sorted(f"{transport} {kind}" for transport, asked, kind in lines if asked == name)

    def close(self) -> None:
        self.process.communicate(timeout=10)
        assert self.process.returncode == 0


@pytest.fixture(scope="module")
def dns_process() -> Iterator[DNSProcess]:
    server = DNSProcess("127.0.0.1")
    yield server
    server.close()


@pytest.fixture
def dns(dns_process: DNSProcess) -> DNSProcess:
    dns_process.questions("")
    return dns_process


class World:
    """A running loop and the reactor that goes with it; it ends with nothing left over."""

    def __init__(self, loop: asyncio.AbstractEventLoop, reactor: Any) -> None:
        self.loop = loop
        self.reactor = reactor

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        threads = threading.enumerate()
        before = self.holdings()
        try:
            return self.loop.run_until_complete(asyncio.wait_for(coroutine, 30))
        finally:
            assert self.holdings() == before
            assert threading.enumerate() == threads

    def holdings(self) -> tuple[int, int, int]:
        # One turn of both sides, for what is closed by a call later.
        self.loop.run_until_complete(asyncio.sleep(0.01))
        descriptors = len(list(Path("/dev/fd").iterdir()))
        return len(self.reactor.getDelayedCalls()), len(self.reactor.getReaders()), descriptors


@contextlib.contextmanager
def tornado_reactor() -> Iterator[World]:
    loop = asyncio.new_event_loop()
    with triloop.TornadoReactor(loop) as reactor:
        yield World(loop, reactor)
    loop.close()


@contextlib.contextmanager
def reactor_event_loop(reactor: Any) -> Iterator[World]:
    loop = triloop.ReactorEventLoop(reactor)
    yield World(loop, reactor)
    loop.close()
    reactor.fireSystemEvent("shutdown")
    reactor.disconnectAll()


WORLDS: dict[str, Callable[[], contextlib.AbstractContextManager[World]]] = {
    "TornadoReactor": tornado_reactor,
    "ReactorEventLoop on poll": lambda: reactor_event_loop(PollReactor()),
    "ReactorEventLoop on select": lambda: reactor_event_loop(SelectReactor()),
}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with WORLDS[request.param]() as world:
        world.run(asyncio.sleep(0))
        yield world


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.write_text(
        "127.0.0.1  localhost\n"
        "10.0.0.1   hosts.test other.hosts.test  # the comment.test\n"
        "10.0.0.2   HOSTS.test\n"
        "fe80::1%lo scoped.test\n"
        "10.0.0.3   mixed.test\n"
        "fe80::3    mixed.test\n"
        "127.0.0.1  both.test\n"
        "::1        both.test\n"
        "not-an-address wrong.test\n"
    )
    return path


class Names:
    """Resolves with the test server in a world."""

    def __init__(self, world: World, server: DNSProcess, hosts: Path) -> None:
        self.world = world
        self.options: dict[str, Any] = {
            "servers": [server.address],
            "hosts": str(hosts),
            "reactor": world.reactor,
        }

    async def resolve(
        self, host: Any, family: int = UNSPEC, port: int = 80, **options: Any
    ) -> list[tuple[int, Any]]:
        resolver = TwistedResolver(**{**self.options, **options})
        found: list[tuple[int, Any]] = await resolver.resolve(host, port, family)
        return found

    def addresses(self, host: Any, family: int = UNSPEC, **options: Any) -> list[str]:
        return [sockaddr[0] for _, sockaddr in self.sockaddrs(host, family, **options)]

    def sockaddrs(self, host: Any, family: int = UNSPEC, **options: Any) -> list[tuple[int, Any]]:
        found: list[tuple[int, Any]] = self.world.run(self.resolve(host, family, **options))
        return found

    def error(self, host: Any, family: int = UNSPEC, **options: Any) -> int | None:
        with pytest.raises(socket.gaierror) as raised:
            self.world.run(self.resolve(host, family, **options))
        assert raised.value.strerror
        return raised.value.errno


@pytest.fixture
def names(world: World, dns: DNSProcess, hosts: Path) -> Names:
    return Names(world, dns, hosts)


# -- what DNS says ------------------------------------------------------------------------------

DUAL = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"]


@pytest.mark.parametrize(
    ("host", "family", "expected"),
    [
        ("dual.test", UNSPEC, DUAL),
        ("dual.test", INET, DUAL[:2]),
        ("dual.test", INET6, DUAL[2:]),
        ("dual.test.", UNSPEC, DUAL),
        ("DUAL.Test", UNSPEC, DUAL),
        (b"dual.test", UNSPEC, DUAL),
        ("four.test", UNSPEC, ["192.0.2.4"]),
        ("six.test", UNSPEC, ["2001:db8::6"]),
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
        ("missing.test", UNSPEC, socket.EAI_NONAME),
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
    ],
)
def test_without_an_address_there_is_getaddrinfos_error(
    host: Any, family: int, code: int, names: Names
) -> None:
    # No error has to wait for a silence.
    assert names.error(host, family, timeout=(LONG,)) == code


@pytest.mark.parametrize(
    "host",
    [
        "x" * 64 + ".test",
        b"x" * 64 + b".test",
        ".".join(["x" * 50] * 6),
        "empty..label",
        ".",
        "fe80::1%none",
        "1:2:3",
    ],
)
def test_what_cannot_be_a_name_is_not_asked_for(host: Any, names: Names, dns: DNSProcess) -> None:
    assert names.error(host, timeout=(LONG,)) == socket.EAI_NONAME
    assert not dns.questions(host if isinstance(host, str) else host.decode())


def test_sockaddrs_are_ready_to_connect_to(names: Names) -> None:
    assert names.sockaddrs("four.test") == [(INET, ("192.0.2.4", 80))]
    assert names.sockaddrs("six.test") == [(INET6, ("2001:db8::6", 80, 0, 0))]


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


def test_a_server_that_hangs_up_on_tcp_is_taken_for_silent(names: Names) -> None:
    assert names.error("cut.test", timeout=(LONG,)) == socket.EAI_AGAIN


def test_forged_answers_are_not_believed(names: Names) -> None:
    assert names.addresses("forged.test", INET) == ["192.0.2.9"]


# -- servers that are silent, refuse or are not there -------------------------------------------


def closed_port() -> tuple[str, int]:
    with socket.socket(INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        address: tuple[str, int] = unused.getsockname()
        return address


def test_a_silent_server_is_asked_again(names: Names, dns: DNSProcess) -> None:
    name = f"{next(fresh)}.flaky.test"
    assert names.addresses(name, INET, timeout=(0.2, 5.0)) == ["192.0.2.7"]
    assert dns.questions(name) == ["udp A", "udp A"]


def test_silence_ends_in_a_temporary_failure(names: Names, dns: DNSProcess) -> None:
    started = time.monotonic()
    assert names.error("silent.test", timeout=(0.1, 0.3)) == socket.EAI_AGAIN
    assert 0.39 < time.monotonic() - started < 3
    assert dns.questions("silent.test") == ["udp A", "udp A", "udp AAAA", "udp AAAA"]


def test_one_familys_silence_does_not_hide_the_others_addresses(names: Names) -> None:
    assert names.addresses("half-silent.test", timeout=(0.2,)) == ["192.0.2.6"]


def test_a_refusal_goes_to_the_next_server_at_once(names: Names, dns: DNSProcess) -> None:
    name = f"{next(fresh)}.moody.test"
    servers = [dns.address, dns.address]
    assert names.addresses(name, INET, servers=servers, timeout=(LONG,)) == ["192.0.2.16"]
    assert dns.questions(name) == ["udp A", "udp A"]


def test_a_server_that_refuses_is_not_asked_again(names: Names, dns: DNSProcess) -> None:
    names.error("refused.test", INET, timeout=(LONG, LONG))
    assert dns.questions("refused.test") == ["udp A"]


def test_a_server_that_is_down_is_passed_over_at_once(names: Names, dns: DNSProcess) -> None:
    servers = [closed_port(), dns.address]
    assert names.addresses("four.test", servers=servers, timeout=(LONG,)) == ["192.0.2.4"]
    assert names.error("four.test", servers=[closed_port()], timeout=(LONG,)) == socket.EAI_AGAIN


def test_a_server_without_a_route_is_passed_over(names: Names, dns: DNSProcess) -> None:
    # A link-local address without its link cannot be connected to.
    servers = [("fe80::1", 53), dns.address]
    assert names.addresses("four.test", servers=servers, timeout=(LONG,)) == ["192.0.2.4"]


@needs_ipv6
def test_a_server_may_have_an_ipv6_address(names: Names) -> None:
    server = DNSProcess("::1")
    try:
        assert names.addresses("four.test", servers=[server.address]) == ["192.0.2.4"]
        assert len(names.addresses("big.test", INET, servers=[server.address])) == 300
    finally:
        server.close()


def test_cancelling_frees_everything_at_once(names: Names, dns: DNSProcess) -> None:
    async def cancelled() -> None:
        task = asyncio.ensure_future(names.resolve("silent.test", timeout=(LONG,)))
        while not dns.questions("silent.test"):  # noqa: ASYNC110  # another process tells
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    names.world.run(cancelled())


def test_many_at_once(names: Names) -> None:
    async def many() -> Any:
        return await asyncio.gather(*(names.resolve("dual.test") for _ in range(100)))

    assert all(len(found) == 4 for found in names.world.run(many()))


# -- what needs no asking -----------------------------------------------------------------------

LITERALS = ["127.0.0.1", "::1", "127.1", "::ffff:1.2.3.4", "fe80::1%1", None, "", "fe80::1%none"]


@pytest.mark.parametrize("family", [UNSPEC, INET, INET6])
@pytest.mark.parametrize("literal", LITERALS)
def test_a_literal_means_what_it_means_to_getaddrinfo(
    literal: str | None, family: int, names: Names
) -> None:
    def outcome(look_up: Callable[[], list[Any]]) -> Any:
        try:
            return look_up()
        except socket.gaierror as failed:
            return failed.errno

    def system() -> list[Any]:
        infos = socket.getaddrinfo(literal, 80, family, socket.SOCK_STREAM)
        return [(info[0], info[4]) for info in infos]

    assert outcome(lambda: names.sockaddrs(literal, family)) == outcome(system)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("hosts.test", ["10.0.0.1", "10.0.0.2"]),
        ("other.HOSTS.test.", ["10.0.0.1"]),
        ("scoped.test", ["fe80::1"]),
    ],
)
def test_the_hosts_file_goes_before_dns(
    host: str, expected: list[str], names: Names, dns: DNSProcess
) -> None:
    assert names.addresses(host) == expected
    assert not dns.questions(host)


def test_the_scope_of_an_address_is_kept(names: Names) -> None:
    assert names.sockaddrs("scoped.test") == [(INET6, ("fe80::1", 80, 0, 1))]


@pytest.mark.parametrize("host", ["comment.test", "wrong.test"])
def test_what_only_looks_like_a_host_is_none(host: str, names: Names) -> None:
    assert names.error(host) == socket.EAI_NONAME


def test_a_family_that_the_hosts_file_lacks_is_asked_for(names: Names, dns: DNSProcess) -> None:
    assert names.error("hosts.test", INET6) == NO_DATA
    assert dns.questions("hosts.test") == ["udp AAAA"]


def test_a_changed_hosts_file_is_read_again(names: Names, hosts: Path) -> None:
    assert names.addresses("hosts.test") == ["10.0.0.1", "10.0.0.2"]
    hosts.write_text("10.0.0.99 hosts.test\n")
    assert names.addresses("hosts.test") == ["10.0.0.99"]


def test_localhost_is_never_asked_for(names: Names, dns: DNSProcess, tmp_path: Path) -> None:
    assert names.addresses("localhost") == ["127.0.0.1"]
    assert names.error("LocalHost", INET6) == socket.EAI_NONAME
    for host in ("localhost", "any.localhost."):
        found = names.addresses(host, hosts=str(tmp_path / "absent"))
        assert sorted(found) == ["127.0.0.1", "::1"]
    assert not dns.questions("localhost")


def test_ipv6_goes_first_where_it_has_a_route(names: Names, hosts: Path) -> None:
    assert names.addresses("mixed.test") == ["10.0.0.3", "fe80::3"]
    if has_ipv6:
        assert names.addresses("loopback.test") == ["::1", "127.0.0.1"]
        assert names.addresses("both.test") == ["::1", "127.0.0.1"]


# -- configuration ------------------------------------------------------------------------------


def test_the_servers_are_those_of_resolv_conf(names: Names, tmp_path: Path) -> None:
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("# nameserver 192.0.2.99\noptions ndots:2\nnameserver 127.0.0.77 ; comment\n")
    # Nobody listens at that address: the question goes there and is refused.
    code = names.error("four.test", servers=None, resolv=str(resolv), timeout=(LONG,))
    assert code == socket.EAI_AGAIN


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
    with reactor_event_loop(SelectReactor()) as world:
        world.run(asyncio.sleep(0))
        assert isinstance(Resolver(), triloop.TwistedResolver)
        assert world.run(connect()) == b"hello\n"
        assert world.run(triloop.resolve("four.test")) == [(INET, ("192.0.2.4", 0))]
        assert world.run(triloop.resolve("four.test", INET, 25)) == [(INET, ("192.0.2.4", 25))]
    assert "udp A" in dns.questions("loopback.test")


def test_without_a_reactor_the_error_names_the_fix() -> None:
    with pytest.raises(RuntimeError, match=r"triloop\.install"):
        asyncio.run(resolve("some.test"))


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


def test_the_installed_reactor_is_found(dns: DNSProcess) -> None:
    command = [sys.executable, "-c", INSTALLED, str(dns.address[1])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == '[[2, ["192.0.2.4", 0]]]\n'
