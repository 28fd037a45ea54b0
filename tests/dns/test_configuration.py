"""Files that are odd, or change what a lookup means, as the C library reads them and as we do.

Each is asked for in a process of its own: the C library reads some of them only once.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.dns.test_against_getaddrinfo import (
    FAMILIES,
    HOSTS,
    INET6,
    ORDERED,
    by_us,
    in_rotation,
    zone_as_hosts,
)
from triloop.adapters.resolver.resolver import TwistedResolver

if TYPE_CHECKING:
    from tests.dns.conftest import Machine
    from tests.dns.servers import Servers

Lookup = tuple[str, int]

ORACLE = """
import json, socket, sys
for host, family in json.load(sys.stdin):
    try:
        infos = socket.getaddrinfo(host, 80, family, socket.SOCK_STREAM)
        found = [list(info) for info in dict.fromkeys((info[0], info[4]) for info in infos)]
    except socket.gaierror as failed:
        found = failed.errno
    print(json.dumps(found))
"""


def differences(lookups: list[Lookup], *, ordered: bool = False) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", ORACLE],
        input=json.dumps(lookups),
        capture_output=True,
        text=True,
        check=True,
    )
    found = []
    for (host, family), line in zip(lookups, done.stdout.splitlines(), strict=True):
        right: Any = json.loads(line)
        got = json.loads(json.dumps(by_us(host, family)))
        if right != got and (ordered or in_rotation(right) != in_rotation(got)):
            found.append(f"{host!r} {family}: {right} by getaddrinfo, {got} by us")
    return found


@pytest.fixture(autouse=True)
def files(machine: Machine, servers: Servers) -> str:
    """The line of resolv.conf that names nsd."""
    server = f"nameserver {servers.addresses['nsd'][0]}\n"
    machine.write("/etc/hosts", HOSTS)
    machine.write("/etc/nsswitch.conf", "hosts: files dns\n")
    machine.write("/etc/resolv.conf", server + "search zone.test\n")
    machine.network("10.1.0.2/16", "2001:db8:1::2/64")
    return server


NAMES = ["four", "four.zone.test", "dual", "only", "in-hosts", "nothing", "text", "a.b.c"]
RESOLV = {
    "tabs": "SERVER\nsearch\tzone.test\tother.test\t\n",
    "comment after a domain": "SERVER\nsearch zone.test # other.test\n",
    "comment at a server": "SERVER;x\nSERVER\nsearch zone.test ;x\n",
    "upper case": "NAMESERVER 10.53.0.9\nSERVER\nSEARCH zone.test\n",
    "two searches": "search zone.test\nsearch other.test\nSERVER\n",
    "empty search": "search zone.test\nsearch\nSERVER\n",
    "dots": "search .zone.test other.test.\nSERVER\n",
    "many domains": "search a.test b.test c.test d.test e.test f.test g.test zone.test\nSERVER\n",
    "the root in between": "SERVER\nsearch other.test . zone.test\n",
    "space before a number": "options ndots: 3\nSERVER\nsearch zone.test\n",
    "negative": "options ndots:-1\nSERVER\nsearch zone.test\n",
    "no number": "options ndots:x\nSERVER\nsearch zone.test\n",
    "no-aaaa": "options no-aaaa\nSERVER\nsearch zone.test\n",
    "NUL": "SERVER\0x\nsearch zone.test\0x\n",
    "leading space": " nameserver 10.53.0.9\nSERVER\n search other.test\nsearch zone.test\n",
    "no end of line": "SERVER\nsearch zone.test",
}


@pytest.mark.parametrize("text", RESOLV.values(), ids=RESOLV.keys())
def test_odd_lines_of_resolv_conf(text: str, machine: Machine, files: str) -> None:
    machine.write("/etc/resolv.conf", text.replace("SERVER", files.strip()))
    assert not differences([(host, family) for host in NAMES for family in FAMILIES])


NSSWITCH = [
    "",
    "hosts : files dns\n",
    "hosts dns\n",
    "hosts: files # dns\n",
    "hosts: dns\nhosts: files\n",
    "hosts: files dns files\n",
    "hosts: nosuch files dns\n",
    "hosts: files[NOTFOUND=return] dns\n",
    "hosts: files [ notfound = RETURN ] dns\n",
    "hosts: files [!SUCCESS=return] dns\n",
    "hosts: dns [!UNAVAIL=return] files\n",
    "hosts: dns [NOTFOUND=return UNAVAIL=continue] files\n",
    "hosts: dns [!NOTFOUND=return] files\n",
    "hosts: files [SUCCESS=continue] dns\n",
    "hosts: dns [NOTFOUND=return SUCCESS=continue] files\n",
    "hosts: dns files [SUCCESS=continue]\n",
]


@pytest.mark.parametrize("text", NSSWITCH)
def test_actions_and_odd_lines_of_nsswitch_conf(text: str, machine: Machine) -> None:
    machine.write("/etc/nsswitch.conf", text)
    names = ["in-hosts", "four", "nothing", "six-in-hosts", "both-in-hosts"]
    assert not differences([(host, family) for host in names for family in FAMILIES])


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LOCALDOMAIN", ""),
        ("LOCALDOMAIN", "none.test\tother.test"),
        ("LOCALDOMAIN", "other.test\nzone.test"),
        ("RES_OPTIONS", "ndots:0"),
        ("RES_OPTIONS", "no-aaaa junk"),
        ("RES_OPTIONS", "no-aaaa-junk"),
        ("RES_OPTIONS", "no_aaaa no_tld_query"),
    ],
)
def test_variables(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, variable, value)
    assert not differences([(host, family) for host in NAMES for family in FAMILIES])


GAI = {
    "IPv4 first": "precedence ::ffff:0:0/96 100\n",
    "the default with IPv4 first": "precedence ::1/128 50\nprecedence ::/0 40\n"
    "precedence 2002::/16 30\nprecedence ::/96 20\nprecedence ::ffff:0:0/96 100\n",
    "one network": "precedence 2001:db8:1::/48 99\n",
    "unique local": "precedence fc00::/7 45",
    "one network of IPv4": "precedence ::ffff:10.0.0.0/104 99\n",
    "IPv4 form": "precedence 10.0.0.0/8 99\nlabel 10.0.0.0/8 9\n",
    "labels": "label ::1/128 0\nlabel ::/0 1\nlabel 2002::/16 2\nlabel ::/96 3\n"
    "label ::ffff:0:0/96 4\nlabel fec0::/10 5\nlabel fc00::/7 6\n",
    "one label": "label fc00::/7 1\n",
    "scopes": "scopev4 ::ffff:169.254.0.0/112 2\nscopev4 ::ffff:10.0.0.0/104 5\n",
    "scopes in IPv4 form": "scopev4 198.51.100.0/24 2\n",
    "odd lines": "precedence ::/0 x\nprecedence ::ffff:0:0/96\nprecedence ::/200 9\nlabel\n",
    "no length": "precedence 2001:db8:1::11 100\n",
}


@pytest.mark.parametrize("text", GAI.values(), ids=GAI.keys())
def test_gai_conf_changes_the_order(text: str, machine: Machine) -> None:
    machine.write("/etc/hosts", HOSTS + zone_as_hosts())
    machine.write("/etc/gai.conf", text)
    try:
        for network in (("10.1.0.2/16", "2001:db8:1::2/64"), ("10.1.0.2/16", "fd00:1::2/64")):
            machine.network(*network)
            lookups = [(host, family) for host in ORDERED for family in FAMILIES]
            assert not differences(lookups, ordered=True)
    finally:
        machine.write("/etc/gai.conf", "")


def test_a_name_that_no_aaaa_hides_is_only_asked_whether_it_exists(
    machine: Machine, files: str
) -> None:
    machine.write("/etc/resolv.conf", files + "search zone.test\noptions no-aaaa\n")

    async def twice() -> list[int | None]:
        resolver: Any = TwistedResolver()
        found = []
        for _ in range(2):
            with pytest.raises(socket.gaierror) as raised:
                await resolver.resolve("dual", 0, INET6)
            found.append(raised.value.errno)
            assert len(await resolver.resolve("dual", 0)) == 1
        return found

    assert asyncio.run(twice()) == [socket.EAI_NODATA] * 2
