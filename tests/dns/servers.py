"""nsd with a zone of many cases; unbound and dnsmasq, which ask it; a lossy proxy."""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

ZONE = """\
$ORIGIN zone.test.
$TTL 300
@ SOA ns.zone.test. root.zone.test. 1 3600 600 86400 60
@ NS ns.zone.test.
@ A 10.1.0.99
ns A 127.0.0.1
four A 10.1.0.4
six AAAA 2001:db8:1::6
dual A 10.1.0.1
dual AAAA 2001:db8:1::1
many A 10.1.0.11
many A 192.0.2.12
many A 127.0.0.13
many AAAA 2001:db8:1::11
many AAAA fd00:1::12
many AAAA 2001:db8:2::13
fours A 10.1.0.21
fours A 10.1.3.22
fours A 198.51.100.23
fours A 169.254.7.24
fours A 127.0.0.25
sixes AAAA fe80::31
sixes AAAA fd00:1::32
sixes AAAA fd00:2::33
sixes AAAA 2001:db8:1::34
sixes AAAA 2002:c633:6401::35
sixes AAAA fec0::36
sixes AAAA ::1
sixes AAAA ::ffff:10.1.0.37
text TXT "no address"
alias CNAME dual
chain CNAME alias
dangling CNAME nothing
outside CNAME four.other.test.
alias-of-text CNAME text
alias-of-six CNAME six
*.wild A 10.1.0.41
wild TXT "no address here"
a.b.empty A 10.1.0.42
under_score A 10.1.0.43
xn--bcher-kva A 10.1.0.44
Shouted A 10.1.0.45
-dash A 10.1.0.46
mail MX 10 four
big 0 A 10.2.0.1
short 0 A 10.1.0.47
lame NS nowhere.zone.test.
nowhere A 127.0.0.99
"""
BIG = "".join(f"big 0 A 10.2.{n // 250}.{n % 250 + 1}\n" for n in range(1, 200))
OTHER = """\
$ORIGIN other.test.
$TTL 300
@ SOA ns.other.test. root.other.test. 1 3600 600 86400 60
@ NS ns.other.test.
ns A 127.0.0.1
four A 10.3.0.4
only AAAA 2001:db8:3::6
"""
# Every other name is denied.
ROOT = """\
$ORIGIN .
$TTL 300
@ SOA ns.other.test. root.other.test. 1 3600 600 86400 60
@ NS ns.other.test.
"""
MANY = """\
$ORIGIN many.test.
$TTL 300
@ SOA ns.other.test. root.other.test. 1 3600 600 86400 60
@ NS ns.other.test.
"""

NSD = """\
server:
  ip-address: {address}@{port}
  server-count: 1
  username: ""
  database: ""
  zonesdir: "{path}"
  pidfile: "{path}/nsd.pid"
  xfrdfile: "{path}/xfrd.state"
  zonelistfile: "{path}/zone.list"
  xfrdir: "{path}"
remote-control:
  control-enable: no
zone:
  name: zone.test
  zonefile: zone
zone:
  name: other.test
  zonefile: other
zone:
  name: many.test
  zonefile: many
zone:
  name: "."
  zonefile: root
"""
UNBOUND = """\
server:
  interface: {address}@{port}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: "{path}"
  pidfile: "{path}/unbound.pid"
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "iterator"
  num-threads: 1
  local-zone: "test." nodefault
stub-zone:
  name: zone.test
  stub-addr: {nsd}@{nsd_port}
stub-zone:
  name: other.test
  stub-addr: {nsd}@{nsd_port}
stub-zone:
  name: many.test
  stub-addr: {nsd}@{nsd_port}
forward-zone:
  name: "."
  forward-addr: {nsd}@{nsd_port}
remote-control:
  control-enable: no
"""

Address = tuple[str, int]


class Servers:
    """The three servers, each at an address of its own."""

    def __init__(self, path: Path, nsd: Address, unbound: Address, dnsmasq: Address) -> None:
        self.addresses = {"nsd": nsd, "unbound": unbound, "dnsmasq": dnsmasq}
        (path / "zone").write_text(ZONE + BIG)
        (path / "other").write_text(OTHER)
        (path / "root").write_text(ROOT)
        many = (f"n{n} A 10.9.{n >> 8}.{n & 255}\n" for n in range(10_000))
        (path / "many").write_text(MANY + "".join(many))
        known = {"path": path, "nsd": nsd[0], "nsd_port": nsd[1]}
        (path / "nsd.conf").write_text(NSD.format(address=nsd[0], port=nsd[1], **known))
        (path / "unbound.conf").write_text(
            UNBOUND.format(address=unbound[0], port=unbound[1], **known)
        )
        self._log = (path / "log").open("wb")
        upstream = f"{nsd[0]}#{nsd[1]}"
        self._processes = [
            self._start("nsd", "-d", "-c", f"{path}/nsd.conf"),
            self._start("unbound", "-d", "-p", "-c", f"{path}/unbound.conf"),
            self._start(
                *("dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--no-negcache"),
                *(f"--listen-address={dnsmasq[0]}", f"--port={dnsmasq[1]}", "--bind-interfaces"),
                *(f"--server={upstream}", "--conf-file=/dev/null", "--pid-file="),
            ),
        ]
        for address in self.addresses.values():
            _await_answer(address)

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        program = shutil.which(command[0])
        assert program, f"{command[0]} is not installed: make test-dns does it"
        return subprocess.Popen(
            [program, *command[1:]], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(10)
        self._log.close()


def _await_answer(address: Address) -> None:
    question = b"\0\1\1\0\0\1\0\0\0\0\0\0\4four\4zone\4test\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        for _ in range(50):
            with contextlib.suppress(OSError):
                asking.sendto(question, address)
                if asking.recv(512)[3] & 15 == 0:
                    return
            time.sleep(0.1)
    raise AssertionError(f"nothing answers at {address}")


class Proxy:
    """Forwards datagrams to a server: some are lost, doubled, delayed, or followed by forged ones.

    Args:
        server: The address of the server.
        seed: Which ones they are.
    """

    def __init__(self, server: Address, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address: Address = self._socket.getsockname()
        self.lost = 0
        self._threads: list[threading.Thread] = []
        self._start(self._serve)

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
            upstream.connect(self._server)
            askers: dict[bytes, Address] = {}
            self._start(self._answer, upstream, askers)
            while True:
                data, asker = self._socket.recvfrom(4096)
                if not data:
                    return
                askers[data[:2]] = asker
                if self._is_lost():
                    continue
                upstream.send(data)

    def _answer(self, upstream: socket.socket, askers: dict[bytes, Address]) -> None:
        while True:
            try:
                data = upstream.recv(4096)
            except OSError:
                return
            asker = askers[data[:2]]
            if self._is_lost():
                continue
            copies = 2 if self._random.random() < 0.2 else 1
            for _ in range(copies):
                delay = self._random.choice([0, 0, 0, 0.001, 0.02, 0.3])
                threading.Timer(delay, self._socket.sendto, (data, asker)).start()
            self._forge(data, asker)

    def _forge(self, data: bytes, asker: Address) -> None:
        """A forged datagram: another id, another question, or no DNS message."""
        self._socket.sendto(bytes([data[0] ^ 1]) + data[1:], asker)
        self._socket.sendto(data[:13] + b"z" + data[14:], asker)
        self._socket.sendto(self._random.randbytes(40), asker)

    def _is_lost(self) -> bool:
        lost = self._random.random() < 0.2
        self.lost += lost
        return lost

    def close(self) -> None:
        self._socket.sendto(b"", self.address)
        time.sleep(0.5)  # the late ones
        self._socket.close()
