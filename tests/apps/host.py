"""Where a program of this lane runs: the host that its command line names."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

import triloop

#: The hosts, as the documentation calls them.
HOSTS = {
    "asyncio": "TornadoReactor in asyncio",
    "uvloop": "TornadoReactor in uvloop",
    "epoll": "ReactorEventLoop in Twisted's default reactor",
}
FACTORIES: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
    "epoll": triloop.new_event_loop,
}


def name() -> str:
    """The host that was asked for."""
    return sys.argv[1]


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop of the host."""
    return FACTORIES[name()]()


def install() -> Any:
    """Install the reactor; the program itself runs it."""
    loop = new_loop()
    asyncio.set_event_loop(loop)
    if name() != "epoll":
        triloop.install(loop)
    from twisted.internet import reactor

    return reactor


def run(main: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Run a program's ``main()`` to its end, with the global reactor."""
    triloop.run(main(), loop_factory=new_loop)
    tell("done")


def tell(line: str) -> None:
    """Write the word by which the test knows that the program has come to its end.

    Not to sys.stdout, which a program may have replaced.
    """
    os.write(1, f"{line}\n".encode())


def free_port() -> int:
    """A port that is free now, for programs that cannot be asked for theirs."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def beside(client: Callable[[], object], end: Callable[[], object]) -> None:
    """Run a blocking client in a thread beside a program that owns the main thread.

    Args:
        client: Raises if anything is wrong.
        end: Ends the program, from the thread.
    """

    def work() -> None:
        try:
            client()
            tell("done")
        finally:
            end()

    threading.Thread(target=work, daemon=True).start()


def until_up(attempt: Callable[[], Any], patience: float = 60.0) -> Any:
    """What ``attempt`` returns once a server is up; it raises OSError before.

    Args:
        attempt: Asks the server.
        patience: Seconds.
    """
    end = time.monotonic() + patience
    while True:
        try:
            return attempt()
        except OSError:  # noqa: PERF203 - it waits
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
