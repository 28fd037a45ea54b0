"""``python -m benchmarks.fairness``: how long I/O waits while ten callbacks are always ready.

Each callback takes 50 microseconds. The time is the thread's own CPU time, so that what else runs
on the machine does not count. Each row is a process of its own: a native loop or reactor, or one of
ours with the callbacks in the guest, and the I/O in the guest or in the host.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import thread_time
from typing import Any

import uvloop
from twisted.internet.epollreactor import EPollReactor

import triloop
from benchmarks.pages import table

CALLBACKS = 10
SECONDS = 50e-6
#: How many bytes are waited for.
BYTES = 1500

Soon = Callable[[Callable[[], object]], object]


class Load:
    """Callbacks that are always ready; now and then one sends a byte, whose wait is noted.

    It is a reader of Twisted's, too.
    """

    def __init__(self, soon: Soon, stop: Callable[[], object]) -> None:
        self.waits: list[float] = []
        self.near, self._far = socket.socketpair()
        self.near.setblocking(False)
        self._stop = stop
        self._soon = soon
        self._sent = 0.0
        self._left = random.randrange(300)
        for _ in range(CALLBACKS):
            soon(self._work)

    def _work(self) -> None:
        end = thread_time() + SECONDS
        while thread_time() < end:
            pass
        self._left -= 1
        if self._left < 0 and not self._sent:
            self._left = random.randrange(10, 100)
            self._sent = thread_time()
            self._far.send(b"x")
        self._soon(self._work)

    def doRead(self) -> None:
        """Note how long the byte has waited."""
        self.near.recv(1)
        self.waits.append(thread_time() - self._sent)
        self._sent = 0.0
        if len(self.waits) == BYTES:
            self._stop()

    def fileno(self) -> int:
        """See :class:`twisted.internet.interfaces.IReadDescriptor`."""
        return self.near.fileno()

    def logPrefix(self) -> str:
        """See :class:`twisted.internet.interfaces.IReadDescriptor`."""
        return "load"

    def connectionLost(self, reason: object) -> None:
        """See :class:`twisted.internet.interfaces.IReadDescriptor`."""


def native_loop(loop: asyncio.AbstractEventLoop) -> list[float]:
    """The waits in a loop alone."""
    load = Load(loop.call_soon, loop.stop)
    loop.add_reader(load.near, load.doRead)
    loop.run_forever()
    return load.waits


def native_reactor() -> list[float]:
    """The waits in EPollReactor alone."""
    reactor: Any = EPollReactor()
    load = Load(lambda work: reactor.callLater(0, work), reactor.stop)
    reactor.addReader(load)
    reactor.run()
    return load.waits


def twisted_inside(loop: asyncio.AbstractEventLoop, *, in_host: bool) -> list[float]:
    """The waits in a TornadoReactor that has the callbacks, or in its loop."""
    reactor: Any = triloop.TornadoReactor(loop)
    load = Load(lambda work: reactor.callLater(0, work), reactor.stop)
    if in_host:
        loop.add_reader(load.near, load.doRead)
    else:
        reactor.addReader(load)
    reactor.run()
    return load.waits


def asyncio_inside(*, in_host: bool) -> list[float]:
    """The waits in a ReactorEventLoop that has the callbacks, or in its reactor."""
    reactor: Any = EPollReactor()
    loop = triloop.new_event_loop(reactor)
    load = Load(loop.call_soon, loop.stop)
    if in_host:
        reactor.addReader(load)
    else:
        loop.add_reader(load.near, load.doRead)
    loop.run_forever()
    return load.waits


#: Where the callbacks run, which library the byte is for, and the native row beside it.
ROWS: dict[tuple[str, str], tuple[Callable[[], list[float]], str]] = {
    ("asyncio", "asyncio"): (lambda: native_loop(asyncio.SelectorEventLoop()), ""),
    ("uvloop", "uvloop"): (lambda: native_loop(uvloop.new_event_loop()), ""),
    ("EPollReactor", "Twisted"): (native_reactor, ""),
    ("TornadoReactor on asyncio", "asyncio"): (
        lambda: twisted_inside(asyncio.SelectorEventLoop(), in_host=True),
        "asyncio",
    ),
    ("TornadoReactor on uvloop", "uvloop"): (
        lambda: twisted_inside(uvloop.new_event_loop(), in_host=True),
        "uvloop",
    ),
    ("TornadoReactor on asyncio", "Twisted"): (
        lambda: twisted_inside(asyncio.SelectorEventLoop(), in_host=False),
        "EPollReactor",
    ),
    ("TornadoReactor on uvloop", "Twisted"): (
        lambda: twisted_inside(uvloop.new_event_loop(), in_host=False),
        "EPollReactor",
    ),
    ("ReactorEventLoop on EPollReactor", "Twisted"): (
        lambda: asyncio_inside(in_host=True),
        "EPollReactor",
    ),
    ("ReactorEventLoop on EPollReactor", "asyncio"): (
        lambda: asyncio_inside(in_host=False),
        "asyncio",
    ),
}


def measured(number: int) -> tuple[int, int]:
    """The p50 and p99 of a row, in microseconds."""
    command = [sys.executable, "-m", "benchmarks.fairness", "--row", str(number)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    p50, p99 = done.stdout.split()
    return int(p50), int(p99)


def measure() -> str:
    """Measure all rows; the table of ours, each beside the native one."""
    found = {name: measured(number) for number, name in enumerate(ROWS)}
    natives = {name[0]: both for name, both in found.items() if not ROWS[name][1]}
    rows = []
    for name, (p50, p99) in found.items():
        beside = ROWS[name][1]
        if beside:
            native = "{} and {}".format(*natives[beside])
            rows.append([*name, str(p50), str(p99), f"{beside}: {native}"])
    head = ("the callbacks run in", "the byte is for", "p50", "p99", "natively")
    return table(head, rows, left=(0, 1, 4)) + "\n"


def main() -> None:
    """Measure, print the table, and write it where it is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", type=int, help="measure one row here, and print p50 and p99")
    parser.add_argument("--markdown", type=Path, help="a file for the table")
    options = parser.parse_args()
    if options.row is not None:
        waits = sorted(list(ROWS.values())[options.row][0]())
        figures = [round(waits[len(waits) * part // 100] * 1e6) for part in (50, 99)]
        print(*figures)  # noqa: T201 - the result
        return
    text = measure()
    print(text)  # noqa: T201 - the result
    if options.markdown:
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()
