"""The programs that docs/gui.md and docs/programs.md show, each to its end."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "gui"
PATIENCE = 60.0
ENVIRONMENT = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "GTK_A11Y": "none", "TERM": "xterm"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def connected(port: int) -> socket.socket:
    """A connection to a program that is about to listen."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE)
        except OSError:  # noqa: PERF203 - it waits
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def answers(port: int) -> list[str]:
    with connected(port) as sock, sock.makefile("rw") as lines:
        heard = []
        for line in ("hello", "bye"):
            lines.write(line + "\n")
            lines.flush()
            heard.append(lines.readline())
        return heard


def drain(fd: int) -> None:
    """Read what a program draws, so that it is never held up."""
    try:
        while os.read(fd, 65536):
            pass
    except OSError:
        pass  # the program has ended


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("on_*.py")))
def test_program_with_a_client(name: str, tmp_path: Path) -> None:
    port, errors = free_port(), tmp_path / "errors"
    screen, terminal = pty.openpty()
    threading.Thread(target=drain, args=(screen,), daemon=True).start()
    with errors.open("w") as stderr:
        program = subprocess.Popen(
            [sys.executable, EXAMPLES / f"{name}.py", str(port)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal if name == "on_textual" else stderr,  # it draws there
            env=ENVIRONMENT,
        )
    os.close(terminal)
    try:
        assert answers(port) == ["shown\n", "shown\n"]
        assert program.wait(PATIENCE) == 0
    finally:
        program.kill()
        program.wait()
        os.close(screen)
    assert errors.read_text() == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hello_gtk", "Tornado's timer\nTwisted's timer\n"),
        ("hello_qt", "Twisted's timer\n"),
    ],
)
def test_short_program(name: str, said: str) -> None:
    ended = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=ENVIRONMENT,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, said, "")
