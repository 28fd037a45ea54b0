"""``triloop bench``: what an echo costs on this machine, on each installed loop and reactor."""

from __future__ import annotations

import argparse
import importlib.util
import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from triloop.cli import echo

__all__ = ["add_to", "measure"]

CONNECTIONS = 10
MESSAGE = b"x" * 1024
#: Columns of the longest bar.
_WIDTH = 40


def add_to(commands: Any) -> None:
    """Add the command to the parsers of an argparse parser."""
    parser = commands.add_parser(
        "bench",
        help="measure the CPU time of an echo on each loop and reactor",
        description="Each one echoes 1 KiB messages on ten connections. Printed is the CPU time of "
        "the server for one message. Less is better.",
    )
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="for each of them, after half as long to warm up"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(command=report)


def report(options: argparse.Namespace) -> int:
    """Measure one after the other, and print a chart."""
    names = [name for name in echo.SERVERS if _is_here(name)]
    figures: dict[str, float] = {}
    for number, name in enumerate(names, 1):
        _progress(f"{number} of {len(names)}: {name}")
        figures[name] = measure(name, options.seconds)
    _progress("")
    if options.json:
        print(json.dumps(figures, indent=2))  # noqa: T201 - the report
    else:
        for line in chart(figures):
            print(line)  # noqa: T201 - the report
    return 0


def _is_here(name: str) -> bool:
    return "uvloop" not in name or importlib.util.find_spec("uvloop") is not None


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)  # noqa: T201 - for the eye


def chart(figures: dict[str, float]) -> Iterator[str]:
    """Draw the figures, in microseconds, as bars of text."""
    longest, most = max(map(len, figures)), max(figures.values())
    for name, figure in figures.items():
        bar = "#" * max(1, round(_WIDTH * figure / most))
        yield f"{name:{longest}}  {figure:6.1f} us  {bar}"


def measure(name: str, seconds: float) -> float:
    """Measure one server, in a process of its own.

    Args:
        name: One of :data:`triloop.cli.echo.SERVERS`.
        seconds: How long to measure, after half as long to warm up.

    Returns:
        The server's CPU time for one message, in microseconds.
    """
    command = [sys.executable, "-m", "triloop.cli.echo", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdin is not None
        assert one.stdout is not None
        try:
            port = int(one.stdout.readline())
            with Clients(port) as clients:
                clients.talk(seconds / 2)
                before = _cpu_time(port)
                messages = clients.talk(seconds)
                return (_cpu_time(port) - before) / messages * 1e6
        finally:
            one.kill()


def _cpu_time(port: int) -> float:
    """Ask a server for the CPU time that it has used so far, in seconds."""
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:
        connection.sendall(echo.ASK_FOR_TIME)
        return float(connection.recv(100))


class Clients:
    """Connections that send a message, wait for its echo, and send the next.

    Args:
        port: The server's, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._selector = selectors.DefaultSelector()
        for _ in range(CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", port))
            self._selector.register(connection, selectors.EVENT_READ)

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for key in list(self._selector.get_map().values()):
            self._connection(key).close()
        self._selector.close()

    @staticmethod
    def _connection(key: selectors.SelectorKey) -> socket.socket:
        assert isinstance(key.fileobj, socket.socket)
        return key.fileobj

    def talk(self, seconds: float) -> int:
        """Send messages for some seconds, and count those that came back."""
        end = time.monotonic() + seconds
        for key in self._selector.get_map().values():
            self._connection(key).sendall(MESSAGE)
        pending, messages = CONNECTIONS, 0
        while pending:
            for key, _ in self._selector.select():
                connection = self._connection(key)
                connection.recv(len(MESSAGE), socket.MSG_WAITALL)
                messages += 1
                if time.monotonic() < end:
                    connection.sendall(MESSAGE)
                else:
                    pending -= 1
        return messages
