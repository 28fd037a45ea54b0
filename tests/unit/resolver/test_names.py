"""Names, literals, ports and options: which are accepted, and which refused."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from triloop.adapters.resolver.errors import AddressError
from triloop.adapters.resolver.literals import (
    check_family,
    literal,
    parse_request,
    port_number,
    with_port,
)
from triloop.adapters.resolver.lookup import candidates
from triloop.adapters.resolver.names import parse_name, to_wire
from triloop.adapters.resolver.resolv_conf import ResolvConf
from triloop.adapters.resolver.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

UNSPEC, INET, INET6 = socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6


@pytest.mark.parametrize(
    "host",
    ["a_b.test", "_srv.test", "a-.test", "foo.-bar.test", "x" * 63 + ".test", "1.2.3.4.", "a."],
)
def test_what_the_c_library_asks_for_is_asked_for(host: str) -> None:
    assert parse_name(host).wire is not None


@pytest.mark.parametrize(
    "host",
    [
        "two words.test",
        "line.test\n",
        "nul.test\0evil",
        "-dash.test",
        "*.test",
        "a/b.test",
        "a\\.b.test",
        "a:b",
        "a..b",
        ".a",
        ".",
        "",
        "x" * 64 + ".test",
        ".".join(["x" * 50] * 5) + ".test",
        b"caf\xc3\xa9.test",
    ],
)
def test_invalid_host_names_are_not_asked_for(host: str | bytes) -> None:
    assert parse_name(host).wire is None
    assert candidates(parse_name(host), ResolvConf()) == []


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("BÜCHER.test", b"xn--bcher-kva.test"),
        ("bücher.test.", b"xn--bcher-kva.test."),
        ("straße.test", b"xn--strae-oqa.test"),  # IDNA 2008
        ("☃.test", b"xn--n3h.test"),  # only IDNA 2003 has it
        ("_srv.bücher.test", b"_srv.xn--bcher-kva.test"),
        ("é。test", b"xn--9ca.test"),
    ],
)
def test_an_internationalised_name_has_an_ascii_form(host: str, text: bytes) -> None:
    assert parse_name(host).text == text
    assert parse_name(host).wire is not None


@pytest.mark.parametrize("host", ["é" * 2000, "é" * 64])
def test_a_name_without_an_ascii_form_is_refused(host: str) -> None:
    with pytest.raises(UnicodeError):
        parse_name(host)


def names(host: str, conf: ResolvConf) -> list[str]:
    wires = candidates(parse_name(host), conf)
    by_wire = {to_wire(text): text for text in POSSIBLE}
    return [by_wire[wire].decode() for wire in wires]


POSSIBLE = [b"db", b"db.a.test", b"db.b.test", b"db.prod", b"db.prod.a.test", b"db.prod.b.test"]


@pytest.mark.parametrize(
    ("host", "ndots", "options", "expected"),
    [
        ("db", 1, "", ["db.a.test", "db.b.test", "db"]),
        ("db", 0, "", ["db", "db.a.test", "db.b.test"]),
        ("db", 1, "no-tld-query", ["db.a.test", "db.b.test"]),
        ("db.", 1, "", ["db"]),
        ("db.prod", 1, "", ["db.prod", "db.prod.a.test", "db.prod.b.test"]),
        ("db.prod", 2, "", ["db.prod.a.test", "db.prod.b.test", "db.prod"]),
        ("db.prod", 2, "no-tld-query", ["db.prod.a.test", "db.prod.b.test", "db.prod"]),
    ],
)
def test_a_short_name_is_looked_for_in_each_domain(
    host: str, ndots: int, options: str, expected: list[str]
) -> None:
    conf = ResolvConf(
        search=(b"a.test", b"b.test"), ndots=ndots, options=frozenset(options.split())
    )
    assert names(host, conf) == expected


def test_a_domain_that_makes_a_name_too_long_is_left_out() -> None:
    host = ".".join(["x" * 60] * 4)
    conf = ResolvConf(search=(b"y" * 30,), ndots=9)
    assert candidates(parse_name(host), conf) == [to_wire(host.encode())]


# -- literals and ports -------------------------------------------------------------------------

HOSTS: list[Any] = [
    *["127.0.0.1", "127.1", "0x7f.1", "0177.1", "1", "::1", "::ffff:1.2.3.4", "::1.2.3.4"],
    *["fe80::1%1", "fe80::1%lo", "2001:db8::1%1", "::1%0", None, "*", b"::1"],
    # As Python has it, through IDNA: full-width digits, an ideographic full stop.
    *["１２７.0.0.1", "127。0。0。1", "４"],  # noqa: RUF001
]


@pytest.mark.parametrize("family", [UNSPEC, INET, INET6])
@pytest.mark.parametrize("host", HOSTS)
def test_literals_are_read_as_by_getaddrinfo(host: Any, family: int) -> None:
    def system() -> list[Any]:
        infos = socket.getaddrinfo(host, 80, family, socket.SOCK_STREAM)
        return [(info[0], info[4]) for info in infos]

    assert outcome(lambda: literal(host, 80, family)) == outcome(system)


def outcome(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except socket.gaierror as failed:
        return failed.errno


@pytest.mark.parametrize(
    "host", ["test", "256.1.1.1", "1.2.3.4.5", "1.2.3.08", "1.2.3.4.", "1.2.3.4 ", "4294967296"]
)
def test_near_literals_are_names(host: str) -> None:
    assert literal(host, 80, UNSPEC) is None


@pytest.mark.parametrize("host", ["1:2:3", "fe80::1%none", "a:b", "[::1]"])
def test_a_host_with_a_colon_has_to_be_a_literal(host: str) -> None:
    with pytest.raises(socket.gaierror, match=r"Name or service not known.*" + host[-2:-1]):
        literal(host, 80, UNSPEC)


def test_plain_addresses_get_the_port() -> None:
    assert with_port(("::1", "127.0.0.1"), 80) == [
        (INET6, ("::1", 80, 0, 0)),
        (INET, ("127.0.0.1", 80)),
    ]


@pytest.mark.parametrize(
    ("port", "number"),
    [(None, 0), (80, 80), ("80", 80), ("", 0), (b"080", 80), ("http", 80), (b"domain", 53)],
)
def test_a_port_is_a_number_or_a_service(port: Any, number: int) -> None:
    assert port_number(port) == number


@pytest.mark.parametrize("port", [-1, 65536, "65536", " 65536", "-1", "80 ", "nosuch", "0x50", "é"])
def test_invalid_port_is_named_in_the_error(port: Any) -> None:
    with pytest.raises(socket.gaierror, match=str(port)) as raised:
        port_number(port)
    assert raised.value.errno == socket.EAI_SERVICE


@pytest.mark.parametrize("host", [80, 1.5, [], bytearray(b"x.test")])
def test_a_host_of_another_type_is_refused(host: Any) -> None:
    with pytest.raises(TypeError, match="host needs"):
        parse_request(host, 80, UNSPEC)


@pytest.mark.parametrize(("host", "name"), [("x.test", b"x.test"), ("127.1", None), (None, None)])
def test_a_request_has_a_name_or_is_for_a_literal(host: Any, name: bytes | None) -> None:
    found, port = parse_request(host, "http", UNSPEC)
    assert (found and found.text, port) == (name, 80)


@pytest.mark.parametrize("host", ["é" * 70, "\ud800.test"])
def test_a_name_without_an_ascii_form_is_none(host: str) -> None:
    with pytest.raises(socket.gaierror) as raised:
        parse_request(host, 80, UNSPEC)
    assert raised.value.errno == socket.EAI_NONAME


@pytest.mark.parametrize("port", [1.5, True, []])
def test_a_port_of_another_type_is_refused(port: Any) -> None:
    with pytest.raises(TypeError, match="port needs"):
        port_number(port)


def test_a_port_in_place_of_the_family_is_refused_with_the_fix() -> None:
    with pytest.raises(ValueError, match=r"80 was taken for an address family.*port=80") as raised:
        check_family(80)
    assert isinstance(raised.value, socket.gaierror)
    assert raised.value.errno == socket.EAI_FAMILY
    wrong: Any
    for wrong in ("80", None, True, 2.0, []):
        with pytest.raises(TypeError, match="family needs"):
            check_family(wrong)
        with pytest.raises(TypeError, match="family needs"):
            parse_request("x.test", 80, wrong)


# -- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("servers", "127.0.0.1"),
        ("servers", ["127.0.0.1"]),
        ("servers", [(127, 53)]),
        ("servers", [("127.0.0.1", "53")]),
        ("timeout", 5),
        ("timeout", ["1"]),
        ("timeout", "12"),
        ("hosts", None),
        ("resolv", 1),
        ("nsswitch", b"x" and 1),
        ("cache_size", 1.5),
        ("cache_size", True),
        ("max_in_flight", "1"),
        ("retries", 3),
    ],
)
def test_an_option_of_a_wrong_type_is_named(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=name):
        Settings.of({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("servers", []),
        ("servers", [("127.0.0.1", 0)]),
        ("servers", [("localhost", 53)]),
        ("timeout", []),
        ("timeout", [0]),
        ("timeout", [float("nan")]),
        ("cache_size", -1),
        ("max_in_flight", 0),
    ],
)
def test_an_option_of_a_wrong_value_is_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        Settings.of({name: value})


def test_a_server_given_by_name_is_an_address_error() -> None:
    with pytest.raises(AddressError, match="localhost") as raised:
        Settings.of({"servers": [("localhost", 53)]})
    assert isinstance(raised.value, OSError)


def test_a_server_may_be_given_as_its_sockets_address() -> None:
    settings = Settings.of({"servers": [("fe80::1", 53, 0, 1), ("::1", 53, 0, 0)]})
    assert settings.servers == (("fe80::1%1", 53), ("::1", 53))


def test_options_that_are_right_are_kept() -> None:
    options = {"servers": [("::1", 53)], "timeout": [1, 2], "hosts": "/h", "cache_size": 0}
    settings = Settings.of(options)
    assert settings == Settings(
        servers=(("::1", 53),), timeout=(1.0, 2.0), hosts="/h", cache_size=0
    )
