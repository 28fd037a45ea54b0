"""Real name servers in a network of the tests' own: `make test-dns`.

Without the environment variable the folder is skipped: not every machine has what it needs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dns.servers import Servers

if TYPE_CHECKING:
    from collections.abc import Iterator

# Set by .ci/dns: where the servers are to listen.
network = os.environ.get("TRILOOP_DNS")
has_namespace = network == "namespace"

if network is None:
    collect_ignore_glob = ["test_*.py"]


class Machine:
    """This machine's files and network, in namespaces of the tests' own."""

    files = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/gai.conf")

    def __init__(self, path: Path) -> None:
        self._path = path
        for number in ("127.0.0.1/8", "10.53.0.1/32", "10.53.0.2/32", "10.53.0.3/32"):
            run("ip", "addr", "replace", number, "dev", "lo")
        run("ip", "link", "set", "lo", "up")
        for file in self.files:
            own = self._own(file)
            shutil.copy(file, own) if Path(file).exists() else own.touch()
            if Path(file).exists():
                run("mount", "--bind", str(own), file)

    def _own(self, file: str) -> Path:
        return self._path / file.replace("/", "_")

    def write(self, file: str, text: str) -> None:
        """Change one of the files."""
        self._own(file).write_text(text)

    def network(self, *addresses: str) -> None:
        """Have one link, with these addresses and a default route for each of their families."""
        subprocess.run(["ip", "link", "delete", "d0"], check=False, capture_output=True)
        if not addresses:
            return
        run("ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1")
        run("ip", "link", "set", "d1", "up")
        run("ip", "link", "set", "d0", "up")
        for address in addresses:
            options = ["nodad"] if ":" in address else []
            run("ip", "addr", "add", *address.split(), "dev", "d0", *options)
        for family in {"-6" if ":" in address else "-4" for address in addresses}:
            run("ip", family, "route", "add", "default", "dev", "d0")


def run(*command: str) -> None:
    subprocess.run(command, check=True)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if not has_namespace:
        pytest.skip("no namespaces here, so that getaddrinfo cannot be pointed at these servers")
    return Machine(tmp_path_factory.mktemp("etc"))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    path = tmp_path_factory.mktemp("dns")
    if has_namespace:
        run("ip", "link", "set", "lo", "up")
        for address in ("10.53.0.1/32", "10.53.0.2/32", "10.53.0.3/32"):
            run("ip", "addr", "replace", address, "dev", "lo")
        places = [("10.53.0.1", 53), ("10.53.0.2", 53), ("10.53.0.3", 53)]
    else:
        places = [("127.0.0.1", 15301), ("127.0.0.1", 15302), ("127.0.0.1", 15303)]
    servers = Servers(path, *places)
    yield servers
    servers.close()
