"""Forks with lookups under way: ``fork_script.py LOOP PORT``; exits with the child's status."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import triloop
from tests.interop.resolver.harness import INET, WORLDS

COUNT = 8
NOWHERE: dict[str, Any] = dict.fromkeys(["hosts", "resolv", "nsswitch"], "/dev/null")
resolver: Any = triloop.TwistedResolver(
    servers=[("127.0.0.1", int(sys.argv[2]))],
    timeout=(0.5, 60.0),
    max_in_flight=1,
    **NOWHERE,
)


def sockets() -> set[str]:
    """The sockets that this process has open."""
    found = set()
    for path in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            found.add(str(path.readlink()))
    return {name for name in found if name.startswith("socket:")}


async def ask(*hosts: str) -> None:
    for host in hosts:
        assert await resolver.resolve(host, 0, INET) == [(INET, ("192.0.2.1", 0))]


def be_the_child(shared: set[str]) -> None:
    """Ask by the same resolver, on a loop of its own."""
    status = 1
    try:
        assert not sockets() & shared
        asyncio.run(ask("warm.test", *(f"child{number}.test" for number in range(COUNT))))
        status = 0
    except BaseException:  # noqa: BLE001 - it ends here, whatever it is
        traceback.print_exc()
    finally:
        os._exit(status)


async def fork() -> int:
    await ask("warm.test")
    before = sockets()
    waiting = [asyncio.ensure_future(ask(host)) for host in ("slow.test", "queued.test")]
    await asyncio.sleep(0.1)
    own = sockets() - before
    assert own
    for number in range(20):  # so many sets of options that the first engine is pushed out
        other: Any = triloop.TwistedResolver(cache_size=number, **NOWHERE)
        assert await other.resolve("localhost", 0, INET)
    pid = os.fork()
    if not pid:
        be_the_child(own)
    await asyncio.gather(*waiting)
    await ask("warm.test", *(f"parent{number}.test" for number in range(COUNT)))
    ended = await asyncio.to_thread(os.waitpid, pid, 0)
    return os.waitstatus_to_exitcode(ended[1])


def main() -> int:
    with WORLDS[sys.argv[1]]() as world:
        status: int = world.loop.run_until_complete(fork())
        return status


if __name__ == "__main__":
    sys.exit(main())
