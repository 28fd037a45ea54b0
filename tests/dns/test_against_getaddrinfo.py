"""The C library and our resolver give the same addresses in the same order, with the same servers.

What differs on purpose is in the table of docs/resolver.md, and in `DELIBERATE`.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.dns.servers import ZONE
from triloop.adapters.resolver.resolver import TwistedResolver

if TYPE_CHECKING:
    from tests.dns.conftest import Machine
    from tests.dns.servers import Servers

UNSPEC, INET, INET6 = socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6
FAMILIES: list[int] = [UNSPEC, INET, INET6]
KINDS = ["nsd", "unbound", "dnsmasq"]

NAMES: list[Any] = [
    *["zone.test", "four.zone.test", "six.zone.test", "dual.zone.test", "DUAL.Zone.Test"],
    *["dual.zone.test.", "many.zone.test", "fours.zone.test", "sixes.zone.test"],
    *["text.zone.test", "mail.zone.test", "alias.zone.test", "chain.zone.test"],
    *["alias-of-text.zone.test", "alias-of-six.zone.test", "dangling.zone.test"],
    *["outside.zone.test", "x.wild.zone.test", "wild.zone.test"],
    *["b.empty.zone.test", "a.b.empty.zone.test", "nothing.zone.test", "shouted.zone.test"],
    *["under_score.zone.test", "xn--bcher-kva.zone.test", "bücher.zone.test", "-dash.zone.test"],
    *["big.zone.test", "short.zone.test", "four.other.test", "only.other.test"],
    *["four", "dual", "alias", "nothing", "text", "x.wild", "only", "four.zone", "four."],
    *["in-hosts", "in-hosts.zone.test", "IN-HOSTS", "in-hosts.", "six-in-hosts", "loop-in-hosts"],
    *["mapped-in-hosts", "octal-in-hosts", "both-in-hosts", "many-in-hosts", "localhost"],
    *["127.0.0.1", "127.1", "0x7f.1", "::1", "fe80::1%1", "fe80::1%lo", "1.2.3.4.", "256.1.1.1"],
    *["two words", "line\n", "*.zone.test", "a/b.zone.test", "1.2.3.4 ", "a:b", "x" * 63 + ".test"],
    b"four.zone.test",
    b"caf\xc3\xa9.zone.test",
    None,
]
HOSTS = """\
127.0.0.1 localhost
10.5.0.1 in-hosts
2001:db8:5::1 six-in-hosts
::1 loop-in-hosts
::ffff:10.5.0.2 mapped-in-hosts
010.8.1.4 octal-in-hosts
10.5.0.3 both-in-hosts
2001:db8:5::3 both-in-hosts
10.1.0.77 many-in-hosts
2001:db8:9::77 many-in-hosts
fd00:1::77 many-in-hosts
127.0.0.77 many-in-hosts
"""
CONFIGURATIONS = {
    "plain": "search .\n",
    "search": "search other.test zone.test\n",
    "ndots:2": "search zone.test\noptions ndots:2\n",
    "ndots:0": "search zone.test other.test\noptions ndots:0\n",
    "domain": "domain zone.test\n",
    "use-vc": "search zone.test\noptions use-vc\n",
    "edns0 and single-request": "search zone.test\noptions edns0 single-request\n",
    "no-tld-query": "search other.test\noptions no-tld-query\n",
}

# What differs on purpose: an alias of a name without an address has the same error for one family
# and for both; localhost stays on this machine.
DELIBERATE = {
    ("alias-of-text.zone.test", UNSPEC),
    ("alias-of-text.zone.test", INET),
    ("alias-of-text.zone.test", INET6),
    ("alias-of-six.zone.test", INET),
    ("outside.zone.test", INET6),
    ("localhost", INET6),
}

Outcome = Any


def by_the_c_library(host: Any, family: int) -> Outcome:
    try:
        infos = socket.getaddrinfo(host, 80, family, socket.SOCK_STREAM)
    except socket.gaierror as failed:
        return failed.errno
    return list(dict.fromkeys((info[0], info[4]) for info in infos))


async def _by_us(host: Any, family: int, options: dict[str, Any]) -> Outcome:
    try:
        return await TwistedResolver(cache_size=0, **options).resolve(host, 80, family)
    except socket.gaierror as failed:
        return failed.errno if repr(host) in str(failed) else str(failed)


def by_us(host: Any, family: int, **options: Any) -> Outcome:
    return asyncio.run(_by_us(host, family, options))


def in_rotation(outcome: Outcome) -> Outcome:
    """Sort equal addresses: servers rotate the addresses of a name."""
    return sorted(outcome) if isinstance(outcome, list) else outcome


def differences(names: list[Any], families: list[int]) -> list[str]:
    found = []
    for host in names:
        for family in families:
            if (host, family) in DELIBERATE:
                continue
            right, got = by_the_c_library(host, family), by_us(host, family)
            if in_rotation(right) != in_rotation(got):
                found.append(f"{host!r} {family}: {right} by getaddrinfo, {got} by us")
    return found


@pytest.fixture(autouse=True)
def files(machine: Machine) -> None:
    machine.write("/etc/hosts", HOSTS)
    machine.write("/etc/nsswitch.conf", "hosts: files dns\n")
    machine.network("10.1.0.2/16", "2001:db8:1::2/64")


def point_at(machine: Machine, servers: Servers, kind: str, text: str) -> None:
    machine.write("/etc/resolv.conf", f"nameserver {servers.addresses[kind][0]}\n{text}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_at_every_server(kind: str, machine: Machine, servers: Servers) -> None:
    point_at(machine, servers, kind, CONFIGURATIONS["search"])
    assert not differences(NAMES, FAMILIES)


@pytest.mark.parametrize("text", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_every_configuration(text: str, machine: Machine, servers: Servers) -> None:
    point_at(machine, servers, "nsd", text)
    assert not differences(NAMES, FAMILIES)


@pytest.mark.parametrize(
    "line",
    ["dns files", "files", "dns", "files [NOTFOUND=return] dns", "dns [NOTFOUND=return] files"],
)
def test_every_order_of_sources(line: str, machine: Machine, servers: Servers) -> None:
    point_at(machine, servers, "nsd", "search zone.test\n")
    machine.write("/etc/nsswitch.conf", f"hosts: {line}\n")
    names = [host for host in NAMES if not (host and "localhost" in str(host))]
    assert not differences(names, FAMILIES)


ORDERED = [
    "many.zone.test",
    "fours.zone.test",
    "sixes.zone.test",
    "many-in-hosts",
    "dual.zone.test",
]
NETWORKS: dict[str, tuple[str, ...]] = {
    "none": (),
    "IPv4": ("10.1.0.2/16",),
    "another IPv4": ("198.51.100.2/24",),
    "IPv6": ("2001:db8:1::2/64",),
    "unique local": ("fd00:1::2/64",),
    "IPv4 and unique local": ("10.1.0.2/16", "fd00:1::2/64"),
    "both": ("10.1.0.2/16", "2001:db8:1::2/64"),
    "all": ("10.1.0.2/16", "192.0.2.2/24", "2001:db8:1::2/64", "fd00:1::2/64"),
    "deprecated": (
        "10.1.0.2/16",
        "2001:db8:1::2/64 preferred_lft 0",
        "fd00:1::2/64",
    ),
    "6to4": ("10.1.0.2/16", "2002:c633:6401::2/64"),
}


@pytest.mark.parametrize("addresses", NETWORKS.values(), ids=NETWORKS.keys())
def test_order_on_every_network(
    addresses: tuple[str, ...], machine: Machine, servers: Servers
) -> None:
    # A hosts file gives equal addresses in the same order to both.
    point_at(machine, servers, "nsd", "search .\n")
    machine.network(*addresses)
    machine.write("/etc/hosts", HOSTS + zone_as_hosts())
    for host in ORDERED:
        for family in FAMILIES:
            assert by_us(host, family) == by_the_c_library(host, family), (host, family)


def zone_as_hosts() -> str:
    lines = [line.split() for line in ZONE.splitlines()]
    return "".join(
        f"{fields[2]} {fields[0]}.zone.test\n"
        for fields in lines
        if len(fields) == 3 and fields[1] in {"A", "AAAA"}
    )


@pytest.mark.parametrize("text", ["", "LOCALDOMAIN", "RES_OPTIONS"])
def test_the_environment(
    text: str, machine: Machine, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The C library reads the environment when it reads the file.
    point_at(machine, servers, "nsd", "search other.test\n# " + text)
    if text == "LOCALDOMAIN":
        monkeypatch.setenv("LOCALDOMAIN", "zone.test")
    elif text:
        monkeypatch.setenv("RES_OPTIONS", "ndots:3")
    assert not differences(["dual", "four", "only", "four.zone.test"], FAMILIES)


@pytest.mark.parametrize("options", ["", "timeout:1 attempts:1", "rotate timeout:1 attempts:1"])
def test_servers_that_are_not_there(options: str, machine: Machine, servers: Servers) -> None:
    # The first refuses by ICMP.
    good = servers.addresses["unbound"][0]
    machine.write(
        "/etc/resolv.conf", f"nameserver 127.0.0.99\nnameserver {good}\noptions {options}\n"
    )
    assert not differences(["four.zone.test", "nothing.zone.test", "big.zone.test"], FAMILIES)


def test_errors_of_servers(machine: Machine, servers: Servers) -> None:
    # unbound cannot reach what is delegated to no server: SERVFAIL.
    point_at(machine, servers, "unbound", "search .\noptions timeout:2 attempts:1\n")
    host = "x.lame.zone.test"
    assert by_the_c_library(host, INET) == by_us(host, INET) == socket.EAI_AGAIN
