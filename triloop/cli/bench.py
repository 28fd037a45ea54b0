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

from triloop.cli import echo, terminal

__all__ = ["add_to", "measure"]

CONNECTIONS = 10
MESSAGE = b"x" * 1024
#: Columns of the longest bar.
_WIDTH = 24


def add_to(commands: Any) -> None:
    """Add the command to the parsers of an argparse parser."""
    parser = commands.add_parser(
        "bench",
        help="measure the CPU time of an echo on each loop and reactor",
        description="Each one echoes 1 KiB messages on ten connections. Printed is the CPU time of "
        "the server for one message. Less is better.",
    )
    parser.add_argument(
        "--seconds",
        type=_positive,
        default=2.0,
        help="for each of them, after half as long to warm up",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(command=report)


def _positive(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"a positive number of seconds is needed, not {text}")
    return seconds


def report(options: argparse.Namespace) -> int:
    """Measure one after the other, and print a table with a chart."""
    names = [name for name in echo.SERVERS if _is_here(name)]
    figures: dict[str, float] = {}
    try:
        for name in terminal.steps(names):
            figures[name] = measure(name, options.seconds)
    except KeyboardInterrupt:
        return 130
    if options.json:
        terminal.say(json.dumps(figures, indent=2))
    else:
        terminal.show_table(rows(figures), ("server", "us", "of native", ""))
    return 0


def _is_here(name: str) -> bool:
    return "uvloop" not in name or importlib.util.find_spec("uvloop") is not None


def rows(figures: dict[str, float]) -> Iterator[terminal.Row]:
    """Give a table of the figures, in microseconds, each with its ratio to the library's own loop.

    The last column is a chart.
    """
    most = max(figures.values())
    for name, figure in figures.items():
        native = figures[f"{name.partition(':')[0]}: {echo.NATIVE[name.partition(':')[0]]}"]
        bar = "#" * max(1, round(_WIDTH * figure / most))
        yield terminal.Row([name, f"{figure:5.1f}", f"{figure / native:9.2f}", bar])


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
            port = _port_of(one.stdout.readline(), name)
            with Clients(port) as clients:
                clients.talk(seconds / 2)
                before = _cpu_time(port)
                messages = clients.talk(seconds)
                return (_cpu_time(port) - before) / messages * 1e6
        finally:
            one.kill()


def _port_of(line: str, name: str) -> int:
    if not line:
        raise SystemExit(f"triloop: the server of {name!r} did not start: see its error above")
    return int(line)


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
