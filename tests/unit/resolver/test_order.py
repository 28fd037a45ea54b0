"""The order of addresses: the examples of RFC 6724, 10.2, and each rule by itself.

Where the C library's table differs from the RFC's, its order is the right one here: the
differential tests compare the two on real networks.
"""

from __future__ import annotations

import socket

import pytest

from triloop.adapters.resolver import order
from triloop.adapters.resolver.gai_conf import DEFAULT_POLICY, Policy, parse_gai_conf
from triloop.adapters.resolver.netlink import OwnAddress, own_addresses

Sources = dict[str, str]


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


class Network:
    """Fakes this machine's network."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sources: Sources = {}
        self.own: dict[str, OwnAddress] = {}
        self.probed: list[str] = []
        monkeypatch.setattr(order, "_source", self.source)
        monkeypatch.setattr(order, "own_addresses", self.addresses)

    def source(self, address: str) -> bytes | None:
        self.probed.append(address)
        source = self.sources.get(address)
        return packed(source) if source else None

    def addresses(self) -> dict[bytes, OwnAddress]:
        return {packed(address): own for address, own in self.own.items()}

    def order(self, *addresses: str, policy: Policy = DEFAULT_POLICY) -> list[str]:
        return list(order.Orderer(policy).order(addresses))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


EXAMPLES: dict[str, tuple[Sources, list[str]]] = {
    "1: unusable": ({"198.51.100.1": "10.0.0.1"}, ["198.51.100.1", "2001:db8::1"]),
    "2: scope": (
        {"198.51.100.121": "198.51.100.117", "2001:db8:1::1": "fe80::1"},
        ["198.51.100.121", "2001:db8:1::1"],
    ),
    "5: label, a unique local address only": (
        {"2001:db8:9::1": "fd00:1::2", "198.51.100.1": "10.0.0.2"},
        ["198.51.100.1", "2001:db8:9::1"],
    ),
    "5: label, 6to4": (
        {"2002:c633:6401::1": "2002:c633:6401::2", "2001:db8:1::1": "2002:c633:6401::2"},
        ["2002:c633:6401::1", "2001:db8:1::1"],
    ),
    "6: precedence": (
        {"2001:db8:1::1": "2001:db8:1::2", "10.1.2.3": "10.1.2.4"},
        ["2001:db8:1::1", "10.1.2.3"],
    ),
    "8: smaller scope": (
        {"2001:db8:1::1": "2001:db8:1::2", "fe80::1": "fe80::2"},
        ["fe80::1", "2001:db8:1::1"],
    ),
    "9: longer prefix": (
        {"2001:db8:1::1": "2001:db8:1::2", "2001:db8:3ffe::1": "2001:db8:1::2"},
        ["2001:db8:1::1", "2001:db8:3ffe::1"],
    ),
}


@pytest.mark.parametrize(("sources", "expected"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_the_order_follows_the_rules(
    sources: Sources, expected: list[str], network: Network
) -> None:
    network.sources = sources
    assert network.order(*expected) == expected
    assert network.order(*reversed(expected)) == expected


@pytest.mark.parametrize(
    "worse",
    [OwnAddress(is_deprecated=True), OwnAddress(is_native=False)],
    ids=["3: deprecated", "7: tunnel"],
)
def test_properties_of_the_source_count(worse: OwnAddress, network: Network) -> None:
    network.sources = {"2001:db8:1::1": "2001:db8:1::2", "2001:db8:2::1": "2001:db8:2::2"}
    network.own = {"2001:db8:1::2": worse}
    assert network.order("2001:db8:1::1", "2001:db8:2::1") == ["2001:db8:2::1", "2001:db8:1::1"]


def test_a_home_address_is_preferred(network: Network) -> None:
    network.sources = {"2001:db8:1::1": "2001:db8:1::2", "2001:db8:2::1": "2001:db8:2::2"}
    network.own = {"2001:db8:2::2": OwnAddress(is_home=True)}
    assert network.order("2001:db8:1::1", "2001:db8:2::1") == ["2001:db8:2::1", "2001:db8:1::1"]


def test_ipv4_prefixes_count_within_a_network_only(network: Network) -> None:
    network.sources = dict.fromkeys(["10.0.0.77", "10.0.0.9", "10.0.1.8"], "10.0.0.8")
    network.own = {"10.0.0.8": OwnAddress(prefix=24)}
    assert network.order("10.0.1.8", "10.0.0.77", "10.0.0.9") == [
        "10.0.0.9",
        "10.0.0.77",
        "10.0.1.8",
    ]


def test_equal_addresses_keep_their_order(network: Network) -> None:
    addresses = ["198.51.100.9", "198.51.100.1", "198.51.100.5"]
    network.sources = dict.fromkeys(addresses, "10.0.0.1")
    assert network.order(*addresses) == addresses
    network.sources = {}
    assert network.order(*addresses) == addresses


def test_prefixes_of_two_families_are_not_compared(network: Network) -> None:
    network.sources = {"2001:db8:1::1": "2001:db8:1::2", "198.51.100.1": "10.0.0.1"}
    policy = parse_gai_conf(b"precedence ::1/128\n")
    both = ["198.51.100.1", "2001:db8:1::1"]
    assert network.order(*both, policy=policy) == both
    assert network.order(*reversed(both), policy=policy) == both[::-1]


def test_gai_conf_may_put_ipv4_first(network: Network) -> None:
    network.sources = {"2001:db8:1::1": "2001:db8:1::2", "198.51.100.1": "10.0.0.1"}
    policy = parse_gai_conf(b"precedence ::ffff:0:0/96 100\n")
    both = ["198.51.100.1", "2001:db8:1::1"]
    assert network.order(*both, policy=policy) == both
    assert network.order(*reversed(both), policy=policy) == both


def test_few_and_too_many_addresses_are_not_put_in_order(network: Network) -> None:
    many = [f"10.0.{number >> 8}.{number & 255}" for number in range(501)]
    assert network.order(*many) == many
    assert network.order("10.0.0.1") == ["10.0.0.1"]
    assert not network.probed


def test_an_order_is_cached_for_a_second(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    orderer = order.Orderer(DEFAULT_POLICY)
    addresses = ("198.51.100.1", "2001:db8:1::1")
    for _ in range(3):
        orderer.order(addresses)
    assert len(network.probed) == 2
    now[0] += 1.1
    orderer.order(addresses)
    assert len(network.probed) == 4


def test_this_machines_addresses_are_known() -> None:
    own = own_addresses()
    source = order._source("127.0.0.1")
    assert source == b"\x7f\0\0\1"
    if own:  # Linux
        assert own[source].prefix == 8
        assert not own[source].is_deprecated
        assert own[source].is_native
