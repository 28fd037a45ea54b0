"""The configuration files are read as by the C library."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from triloop.adapters.resolver import servers_of
from triloop.adapters.resolver.files import WatchedFile
from triloop.adapters.resolver.gai_conf import DEFAULT_POLICY, parse_gai_conf
from triloop.adapters.resolver.hosts_file import HostsTable
from triloop.adapters.resolver.nsswitch import parse_nsswitch
from triloop.adapters.resolver.resolv_conf import ResolvConf, parse_resolv_conf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UNSPEC, INET, INET6 = socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6


# -- resolv.conf --------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "me.home.test")


def conf(text: str, **environ: str) -> ResolvConf:
    return parse_resolv_conf(text.encode(), environ)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nameserver 10.0.0.1", ("10.0.0.1", None)),
        ("nameserver\t10.0.0.1 ; comment", ("10.0.0.1", None)),
        ("nameserver 10.0.0.1#53", None),
        ("nameserver 10.0.0.1;x", None),
        ("nameserver 10.0.0.1 x", ("10.0.0.1", None)),
        ("nameserver 10.0.0.1\0x", ("10.0.0.1", None)),
        ("nameserver 127.1", ("127.0.0.1", None)),
        ("nameserver 10.0.0.1:5353", ("10.0.0.1", 5353)),
        ("nameserver [::1]:5353", ("::1", 5353)),
        ("nameserver fe80::1%lo", ("fe80::1%lo", None)),
        (" nameserver 10.0.0.1", None),
        ("#nameserver 10.0.0.1", None),
        ("nameserver", None),
        ("nameserver dns.test", None),
        ("nameserver 10.0.0.1:0", None),
        ("nameserver 10.0.0.256", None),
        ("nameservers 10.0.0.1", None),
    ],
)
def test_a_server_has_to_be_given_by_its_address(line: str, expected: object) -> None:
    assert conf(line).nameservers == (() if expected is None else (expected,))


def test_three_servers_are_asked_at_most() -> None:
    text = "".join(f"nameserver 10.0.0.{number}\n" for number in range(5))
    assert [address for address, _ in conf(text).nameservers] == [
        "10.0.0.0",
        "10.0.0.1",
        "10.0.0.2",
    ]


def test_without_servers_there_is_one_on_this_machine() -> None:
    assert servers_of(()) == (("127.0.0.1", 53),)
    assert servers_of([("::1", None), ("10.0.0.1", 5353)]) == (("::1", 53), ("10.0.0.1", 5353))


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("", {}, [b"home.test"]),
        ("domain corp.test\n", {}, [b"corp.test"]),
        ("search A.test b.test.\n", {}, [b"a.test", b"b.test"]),
        ("domain a.test\nsearch b.test c.test\n", {}, [b"b.test", b"c.test"]),
        ("search b.test c.test\ndomain a.test\n", {}, [b"a.test"]),
        ("search a.test\n", {"LOCALDOMAIN": "x.test y.test"}, [b"x.test", b"y.test"]),
        ("search .\n", {}, [b""]),
        ("search a.test\0b\n", {}, [b"a.test"]),
        ("search a.test\n", {"LOCALDOMAIN": "x.test\ny.test"}, [b"x.test"]),
        ("search a.test\n", {"LOCALDOMAIN": ""}, []),
    ],
)
def test_the_last_domains_count_and_the_environment_before_all(
    text: str, environ: dict[str, str], expected: list[bytes]
) -> None:
    assert list(conf(text, **environ).search) == expected


def test_options_have_their_limits_and_the_environment_goes_last() -> None:
    text = "options ndots:99 timeout:2 rotate\noptions attempts:9 no_tld_query use-vc\n"
    found = conf(text, RES_OPTIONS="timeout:1 no-aaaa")
    assert (found.ndots, found.timeout, found.attempts) == (15, 1, 5)
    assert found.options == {"rotate", "no-tld-query", "use-vc", "no-aaaa"}
    assert not conf("options timeout:junk ndots\n").timeout


@pytest.mark.parametrize(
    ("text", "ndots"),
    [
        ("ndots:3", 3),
        ("ndots: 3", 3),
        ("ndots:+3x", 3),
        ("ndots:-1", 15),
        ("ndots:x", 0),
        ("ndots:", 0),
        ("ndots:3 ndots:2", 2),
        ("ndots", 1),
        ("NDOTS:3", 1),
        ("ndots:3,attempts:2", 3),
    ],
)
def test_numbers_are_read_as_the_c_library_reads_them(text: str, ndots: int) -> None:
    assert conf(f"options {text}\n").ndots == ndots


def test_without_ipv6_such_a_name_is_only_asked_whether_it_exists() -> None:
    found = conf("options no-aaaa\n")
    assert [found.kinds(family) for family in (UNSPEC, INET, INET6)] == [(1,)] * 3
    assert [conf("").kinds(family) for family in (UNSPEC, INET, INET6)] == [(1, 28), (1,), (28,)]


def test_unset_options_stay_unset() -> None:
    found = conf("options rotate\n")
    assert (found.ndots, found.timeout, found.attempts) == (1, None, None)


# -- nsswitch.conf ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["files", "dns"]),
        ("passwd: files\n", ["files", "dns"]),
        ("hosts: files dns\n", ["files", "dns"]),
        ("hosts:\tdns files # others\n", ["dns", "files"]),
        ("# hosts: dns\nhosts: files # dns\n", ["files", "dns"]),
        ("hosts: dns\nhosts: files\n", ["files"]),
        ("hosts: files dns files\n", ["files", "dns", "files"]),
        ("hosts: files [NOTFOUND=return] dns\n", ["files notfound", "dns"]),
        ("hosts: files[ notfound = Return ]dns\n", ["files notfound", "dns"]),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns\n", ["files", "dns"]),
        ("hosts: dns [!UNAVAIL=return] files\n", ["dns notfound tryagain", "files"]),
        ("hosts: files [!SUCCESS=return] dns\n", ["files notfound tryagain unavail", "dns"]),
        (
            "hosts: dns [!SUCCESS=return NOTFOUND=continue] files\n",
            ["dns tryagain unavail", "files"],
        ),
        ("hosts: files [SUCCESS=continue] dns\n", ["files success", "dns"]),
        ("hosts: files [SUCCESS=merge NOTFOUND=merge] dns\n", ["files", "dns"]),
        ("hosts: resolve [!UNAVAIL=return] dns\n", ["files", "dns"]),
    ],
)
def test_the_sources_of_hosts(text: str, expected: list[str]) -> None:
    found = parse_nsswitch(text.encode())
    # Of each source, what is otherwise than usual: a success ends a lookup, a failure does not.
    assert [
        " ".join([source.name, *sorted(source.ends_with ^ {"success"})]) for source in found
    ] == expected


# -- hosts --------------------------------------------------------------------------------------

HOSTS = b"""\
127.0.0.1 localhost
010.8.1.4 octal.test
10.8.5 short.test
0x0a.0.0.7 hex.test
fe80::1%lo scoped.test
::1 six1.test
::ffff:10.2.3.4 mapped.test
2001:DB8::7 six.test
10.0.0.1 Hosts.test other.test # comment.test
10.0.0.2\tHOSTS.test
10.0.0.1 hosts.test
10.0.0.3 dotted.test.
 10.0.0.4 leading.test\r
10.0.0.6
name.test 10.0.0.7
10.0.0.10 both.test
2001:db8::10 both.test"""


@pytest.mark.parametrize(
    ("name", "family", "expected"),
    [
        ("octal.test", UNSPEC, []),
        ("short.test", UNSPEC, []),
        ("hex.test", UNSPEC, []),
        ("scoped.test", UNSPEC, []),
        ("six1.test", UNSPEC, ["::1"]),
        ("six1.test", INET, ["127.0.0.1"]),
        ("mapped.test", INET6, ["::ffff:10.2.3.4"]),
        ("mapped.test", INET, ["10.2.3.4"]),
        ("six.test", UNSPEC, ["2001:db8::7"]),
        ("six.test", INET, []),
        ("hosts.test", UNSPEC, ["10.0.0.1", "10.0.0.2"]),
        ("hosts.test", INET6, []),
        ("hosts.test.", UNSPEC, []),
        ("dotted.test.", UNSPEC, ["10.0.0.3"]),
        ("leading.test", UNSPEC, ["10.0.0.4"]),
        ("comment.test", UNSPEC, []),
        ("10.0.0.7", UNSPEC, []),
        ("both.test", UNSPEC, ["10.0.0.10", "2001:db8::10"]),
        ("both.test", INET, ["10.0.0.10"]),
        ("both.test", INET6, ["2001:db8::10"]),
    ],
)
def test_what_a_hosts_file_says(name: str, family: int, expected: list[str]) -> None:
    table = HostsTable(HOSTS)
    assert [*table.read()] == [None]
    assert table.find(name.encode(), family) == expected


def test_a_long_file_is_read_in_steps_and_whole() -> None:
    lines = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255} n{n}.test" for n in range(20_000)]
    table = HostsTable("\n".join(lines).encode())
    assert len([*table.read()]) > 5
    for number in (0, 3333, 19_999):
        address, name = lines[number].split()
        assert table.find(name.encode(), INET) == [address]


def test_a_name_may_have_thousands_of_addresses() -> None:
    lines = [f"10.0.{n >> 8}.{n & 255} many.test" for n in range(20_000)]
    table = HostsTable("\n".join(lines + lines).encode())
    assert len([*table.read()]) > 5
    assert table.find(b"many.test", INET) == [line.split()[0] for line in lines]


# -- gai.conf -----------------------------------------------------------------------------------


def test_a_table_with_a_line_in_the_file_replaces_the_built_in_one() -> None:
    policy = parse_gai_conf(
        b"precedence ::ffff:0:0/96 100 # IPv4 first\nlabel what 1\nscopev4 10.0.0.0/8 5\n"
    )
    ipv4, ipv6 = 0xFFFF_0A000001, 0x20010DB8 << 96
    assert (policy.precedence(ipv4), policy.precedence(ipv6)) == (100, 40)
    assert (policy.label(ipv4), policy.label(ipv6)) == (4, 1)
    assert policy.scope_of_ipv4(ipv4) == 5


@pytest.mark.parametrize("text", [b"", b"label 10.0.0.0/8 9\nprecedence ::/0 x\nreload yes\n"])
def test_a_file_without_tables_changes_nothing(text: bytes) -> None:
    assert parse_gai_conf(text) is DEFAULT_POLICY


# -- watching -----------------------------------------------------------------------------------


def test_a_file_is_read_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    read: list[bytes] = []
    file = WatchedFile(str(path), _appending_to(read))
    assert (file.value(), file.value(), read) == (b"", b"", [b""])
    path.write_bytes(b"one")
    assert (file.value(), file.value(), read) == (b"one", b"one", [b"", b"one"])
    path.unlink()
    assert (file.value(), read) == (b"", [b"", b"one", b""])


def test_a_change_that_leaves_size_and_time_is_seen_too(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    os.utime(path, (1, 1))
    file = WatchedFile(str(path), bytes)
    assert file.value() == b"one"
    changed = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == changed:
        path.write_bytes(b"two")
        os.utime(path, (1, 1))
    assert file.value() == b"two"


def test_a_file_with_an_interval_is_checked_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    path = tmp_path / "file"
    file = WatchedFile(str(path), bytes, interval=1.0)
    assert file.value() == b""
    path.write_bytes(b"one")
    assert file.value() == b""
    now[0] += 1.1
    assert file.value() == b"one"


def _appending_to(read: list[bytes]) -> Callable[[bytes], Any]:
    def parse(content: bytes) -> bytes:
        read.append(content)
        return content

    return parse
