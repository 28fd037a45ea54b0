"""The demo, driven from outside: as by a browser, by a terminal, and by Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

ROOM = Path(__file__).parents[2] / "examples" / "demo" / "room.py"
PATIENCE = 15.0  # seconds
PYTHON = [
    # Not -X dev: asyncio's debug mode would log each callback that a busy machine delays.
    *(sys.executable, "-W", "default"),
    # Twisted keeps a spare descriptor for when there is none left, and never closes it.
    *("-W", "ignore:unclosed file <_io.TextIOWrapper name='/dev/null'"),
]
HOSTS = [
    "asyncio",
    "uvloop",
    pytest.param(
        "epoll",
        marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux has epoll"),
    ),
]


@dataclass
class Demo:
    """A running demo and where it listens."""

    process: subprocess.Popen[str]
    banner: str
    http_port: int
    chat_port: int

    def browser(self) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.http_port}/room", open_timeout=PATIENCE, proxy=None)

    def terminal(self) -> Terminal:
        return Terminal(self.chat_port)

    def interrupt(self, signal_number: int = signal.SIGINT) -> tuple[int, str]:
        """Ends the demo; gives its exit status and what it wrote to stderr."""
        self.process.send_signal(signal_number)
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors


class Terminal:
    """What `nc` does."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.lines.close()
        self.socket.close()

    def say(self, text: str) -> None:
        self.socket.sendall(f"{text}\n".encode())

    def hear(self, wanted: str) -> str:
        """Reads up to the first line that holds `wanted`."""
        heard = []
        for line in self.lines:
            heard.append(line)
            if wanted in line:
                return line
        raise AssertionError(f"{wanted!r} was never said, only {heard}")


def hear(browser: ClientConnection, wanted: str) -> dict[str, Any]:
    """Reads messages up to the first whose text holds `wanted`."""
    while True:
        message: dict[str, Any] = json.loads(browser.recv(timeout=PATIENCE))
        if wanted in message["text"]:
            return message


StartDemo = Callable[[str], Demo]


@pytest.fixture
def start_demo() -> Iterator[StartDemo]:
    processes = []

    def start(host: str) -> Demo:
        process = subprocess.Popen(
            [*PYTHON, ROOM, "--host", host, "--http-port=0", "--chat-port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        processes.append(process)
        assert process.stdout is not None
        banner = ""
        for line in process.stdout:
            banner += line
            if "Ctrl-C" in line:
                break
        else:
            pytest.fail(process.communicate(timeout=PATIENCE)[1])
        http_port = re.search(r"http://127\.0\.0\.1:(\d+)/", banner)
        chat_port = re.search(r"nc 127\.0\.0\.1 (\d+)", banner)
        assert http_port is not None, banner
        assert chat_port is not None, banner
        return Demo(process, banner, int(http_port[1]), int(chat_port[1]))

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(params=HOSTS)
def demo(request: pytest.FixtureRequest, start_demo: StartDemo) -> Demo:
    return start_demo(request.param)


def test_page_carries_everything_it_needs(demo: Demo) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.http_port}/", timeout=PATIENCE) as reply:
        page = reply.read().decode()
    assert f"{demo.chat_port}</code>" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert demo.interrupt() == (0, "")


def test_three_worlds_share_the_room(demo: Demo) -> None:
    with demo.browser() as browser, demo.terminal() as terminal:
        terminal.hear("came in by Twisted")
        hear(browser, "came in by Twisted")

        terminal.say("good morning")
        said = hear(browser, "good morning")
        assert said["world"] == "Twisted"

        browser.send("grüß Gott")
        assert "grüß Gott" in terminal.hear("grüß Gott")

        browser.send("/who")
        answer = hear(browser, "here are")
        assert answer["world"] == "asyncio"
        for world in ("Tornado", "Twisted", "asyncio"):
            assert f"({world})" in answer["text"]
        assert "bot: here are" in terminal.hear("here are")
    assert demo.interrupt() == (0, "")


def test_history_names_and_leaving(demo: Demo) -> None:
    with demo.browser() as browser:
        browser.send("/name ada")
        hear(browser, "is now ada")
        browser.send("\x1b[2Jbefore you came")
        with demo.terminal() as terminal:
            line = terminal.hear("before you came")
            assert "ada: [2Jbefore you came" in line
            terminal.say("/name ada")
            terminal.hear("cannot be your name")
        hear(browser, "left")
    assert demo.interrupt() == (0, "")


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_ends_cleanly_with_all_clients_connected(demo: Demo, signal_number: int) -> None:
    with demo.browser() as browser, demo.terminal() as terminal:
        terminal.hear("came in by Twisted")
        hear(browser, "came in by Twisted")
        assert demo.interrupt(signal_number) == (0, "")
        assert terminal.lines.read() is not None  # up to the end of the stream


@pytest.mark.parametrize("host", HOSTS)
def test_a_taken_port_is_reported_with_the_fix(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*PYTHON, ROOM, "--host", host, f"--http-port={port}", "--chat-port=0"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert ended.returncode == 1
    assert "HTTP_PORT=0" in ended.stderr
    assert "Traceback" not in ended.stderr
