"""Lookups by every resolver, side by side: ``make bench-dns``.

nsd has 20,000 names on one core; the client is on another one, and asks for 5,000 of them, 100 at
once. Each contender has a process of its own; they take turns, and the medians count. It needs a
network namespace of its own (.ci/dns), in which port 53 and /etc/resolv.conf are free.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.pages import table

_ADDRESS = "127.0.0.1"
_NAMES = 20_000
_LOOKUPS = 5_000
_AT_ONCE = 100
_ROUNDS = 5

LookUp = Callable[[str, bool], Awaitable[Any]]

_NSD = """\
server:
  ip-address: {address}
  server-count: 1
  rrl-ratelimit: 0
  username: ""
  database: ""
  zonesdir: "{path}"
  pidfile: "{path}/pid"
  xfrdfile: "{path}/xfrd.state"
  zonelistfile: "{path}/zone.list"
  xfrdir: "{path}"
remote-control:
  control-enable: no
zone:
  name: bench.test
  zonefile: zone
"""
_ZONE = """\
$ORIGIN bench.test.
$TTL 300
@ SOA ns.bench.test. root.bench.test. 1 3600 600 86400 60
@ NS ns.bench.test.
ns A 127.0.0.1
"""


# -- the contenders: each returns a function that looks a name up, in one family or both --------


@contextlib.asynccontextmanager
async def _triloop() -> AsyncIterator[LookUp]:
    import triloop

    with triloop.TornadoReactor():
        resolver = triloop.TwistedResolver()

        async def look_up(host: str, both: bool) -> Any:
            return await resolver.resolve(host, 0, socket.AF_UNSPEC if both else socket.AF_INET)

        yield look_up


@contextlib.asynccontextmanager
async def _aiodns() -> AsyncIterator[LookUp]:
    import aiodns

    async with aiodns.DNSResolver(nameservers=[_ADDRESS]) as resolver:

        async def look_up(host: str, both: bool) -> Any:
            family = socket.AF_UNSPEC if both else socket.AF_INET
            return await resolver.getaddrinfo(host, family=family, type=socket.SOCK_STREAM)

        yield look_up


@contextlib.asynccontextmanager
async def _threads() -> AsyncIterator[LookUp]:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(6))

    async def look_up(host: str, both: bool) -> Any:
        family = socket.AF_UNSPEC if both else socket.AF_INET
        return await loop.getaddrinfo(host, 0, family=family, type=socket.SOCK_STREAM)

    yield look_up


@contextlib.asynccontextmanager
async def _twisted_names() -> AsyncIterator[LookUp]:
    import triloop

    with triloop.install():
        from twisted.names import client

        resolver: Any = client.Resolver(servers=[(_ADDRESS, 53)])

        async def look_up(host: str, both: bool) -> Any:
            asked = [resolver.lookupAddress(host)]
            if both:
                asked.append(resolver.lookupIPV6Address(host))
            return [await triloop.as_future(deferred) for deferred in asked]

        yield look_up


@contextlib.asynccontextmanager
async def _dnspython() -> AsyncIterator[LookUp]:
    from dns.asyncresolver import Resolver
    from dns.resolver import Cache

    resolver = Resolver()
    resolver.cache = Cache()

    async def look_up(host: str, both: bool) -> Any:
        if both:
            return await resolver.resolve_name(host)
        return await resolver.resolve(host, "A")

    yield look_up


CONTENDERS: dict[str, Callable[[], contextlib.AbstractAsyncContextManager[LookUp]]] = {
    "triloop": _triloop,
    "aiodns": _aiodns,
    "getaddrinfo in 6 threads": _threads,
    "twisted.names": _twisted_names,
    "dnspython": _dnspython,
}
#: What is asked for: both families or one, which names, how many at once.
JOBS = ["A", "A and AAAA", "cached", "joined"]


# -- one measurement, in a process of its own ---------------------------------------------------


def _names_of(job: str) -> tuple[list[str], int]:
    if job in {"cached", "joined"}:
        return ["n7.bench.test"] * _LOOKUPS, _LOOKUPS if job == "joined" else _AT_ONCE
    return [f"n{number}.bench.test" for number in range(_LOOKUPS)], _AT_ONCE


async def _run(contender: str, job: str) -> dict[str, float]:
    names, at_once = _names_of(job)
    async with CONTENDERS[contender]() as look_up:
        both = job == "A and AAAA"
        await look_up("n7.bench.test" if job == "cached" else "n19999.bench.test", both)
        left = enumerate(names)
        before, held = _held(), [0]
        # A lookup pays for what it makes itself, not for the modules that a contender imports.
        gc.collect()
        gc.freeze()

        async def ask_in_turn() -> None:
            for number, host in left:
                await look_up(host, both)
                if number % 500 == _AT_ONCE:
                    held.append(_held() - before)

        began, spent = time.perf_counter(), time.process_time()
        await asyncio.gather(*(ask_in_turn() for _ in range(at_once)))
        seconds, cpu = time.perf_counter() - began, time.process_time() - spent
        return {
            "rate": _LOOKUPS / seconds,
            "cpu": cpu / _LOOKUPS * 1e6,
            "sockets": max(held),
        }


def _held() -> int:
    """How many sockets this process has."""
    folder, count = Path("/proc/self/fd"), 0
    for path in list(folder.iterdir()):
        with contextlib.suppress(OSError):
            count += "socket" in str(path.readlink())
    return count


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) * 2


# -- all of them --------------------------------------------------------------------------------


@contextlib.contextmanager
def _server() -> Iterator[None]:
    nsd = shutil.which("nsd")
    if nsd is None or os.environ.get("TRILOOP_DNS") != "namespace":
        raise SystemExit("nsd and a network of its own are needed: make bench-dns")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        numbers = range(_NAMES)
        records = (f"n{n} A 10.0.{n >> 8}.{n & 255}\nn{n} AAAA 2001:db8::{n:x}\n" for n in numbers)
        (path / "zone").write_text(_ZONE + "".join(records))
        (path / "conf").write_text(_NSD.format(address=_ADDRESS, path=path))
        (path / "resolv.conf").write_text(f"nameserver {_ADDRESS}\nsearch .\n")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["mount", "--bind", path / "resolv.conf", "/etc/resolv.conf"], check=True)
        server = subprocess.Popen(
            ["taskset", "-c", str(_cores()[1]), nsd, "-d", "-c", path / "conf"],
            stderr=subprocess.DEVNULL,
        )
        try:
            _await_server()
            yield
        finally:
            server.terminate()
            server.wait(10)
            subprocess.run(["umount", "/etc/resolv.conf"], check=True)


def _await_server() -> None:
    for _ in range(100):
        with contextlib.suppress(OSError):
            socket.getaddrinfo("n1.bench.test", 0)
            return
        time.sleep(0.1)
    raise SystemExit("nsd does not answer")


def _measure(contenders: Sequence[str], rounds: int) -> dict[tuple[str, str], dict[str, float]]:
    samples: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(rounds):
        for contender in contenders:
            for job in JOBS:
                command = ["taskset", "-c", str(_cores()[0]), sys.executable, "-m", __spec__.name]
                done = subprocess.run(
                    [*command, "--one", contender, job], check=False, capture_output=True
                )
                if done.returncode == 0:
                    samples.setdefault((contender, job), []).append(json.loads(done.stdout))
                else:  # some give up when thousands are asked at once
                    reason = (done.stderr.decode().splitlines() or ["no reason"])[-1]
                    sys.stderr.write(f"{contender}, {job}: {reason}\n")
    return {
        key: {name: statistics.median(one[name] for one in found) for name in found[0]}
        for key, found in samples.items()
    }


def _table(results: dict[tuple[str, str], dict[str, float]]) -> str:
    head = ["", *(f"{job}: lookups/s, µs" for job in JOBS), "sockets"]
    rows = []
    for contender in dict.fromkeys(contender for contender, _ in results):
        found = [results.get((contender, job)) for job in JOBS]
        cells = [f"{one['rate']:,.0f}, {one['cpu']:.0f}" if one else "-" for one in found]
        sockets = max((one["sockets"] for one in found[:2] if one), default=0)
        rows.append([contender, *cells, f"{sockets:.0f}"])
    return table(head, rows, left=(0,)) + "\n"


def main() -> None:
    """Measure all contenders, or one of them once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("CONTENDER", "JOB"), help=argparse.SUPPRESS)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="the medians of so many count")
    parser.add_argument("--markdown", type=Path, help="write the table there as well")
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(json.dumps(asyncio.run(_run(*options.one))))
        sys.stdout.flush()
        os._exit(0)  # some contenders leave threads behind
    with _server():
        text = _table(_measure(options.contenders, options.rounds))
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()
