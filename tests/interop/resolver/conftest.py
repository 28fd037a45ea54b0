"""Fixtures of the resolver's tests."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests.interop.resolver.harness import WORLDS, DNSProcess, Names, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_numbers = itertools.count()


@pytest.fixture(scope="session")
def dns_process() -> Iterator[DNSProcess]:
    server = DNSProcess("127.0.0.1")
    yield server
    server.close()


@pytest.fixture
def dns(dns_process: DNSProcess) -> DNSProcess:
    dns_process.forget()
    return dns_process


@pytest.fixture
def fresh() -> str:
    """A label that was never asked for."""
    return f"n{next(_numbers)}"


@pytest.fixture(params=["TornadoReactor", "ReactorEventLoop"])
def world(request: pytest.FixtureRequest, _warmed_up: None) -> Iterator[World]:
    with WORLDS[request.param]() as world:
        yield world


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.write_text(
        "127.0.0.1  localhost\n"
        "10.0.0.1   hosts.test other.hosts.test  # the comment.test\n"
        "10.0.0.2   HOSTS.test\n"
        "10.0.0.3   mixed.test\n"
        "fe80::3    mixed.test\n"
        "127.0.0.1  both.test\n"
        "::1        both.test\n"
        "not-an-address wrong.test\n"
    )
    return path


@pytest.fixture
def names(world: World, dns: DNSProcess, hosts: Path) -> Names:
    return Names(world, dns, hosts)
