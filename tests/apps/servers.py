"""Servers that the programs talk to, and commands that they run: each in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.apps.host import until_up


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """A directory that the server may write to, by a short name: sockets need that."""
    with tempfile.TemporaryDirectory(prefix="apps") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


def command(name: str) -> str:
    """The path of a command of this environment: ``twistd``, for example."""
    return str(Path(sys.executable).with_name(name))


@contextlib.contextmanager
def running(arguments: list[str], folder: Path) -> Iterator[Path]:
    """Run a server's own command, which has to end at SIGTERM.

    Args:
        arguments: The command, and what goes with it.
        folder: The directory that it works in.

    Yields:
        The file with its output.
    """
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(arguments, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield log
        server.terminate()
        code = server.wait(timeout=30)
        assert code in {0, -signal.SIGTERM}, f"{code}: {log.read_text()}"
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def serving(command: list[str], ready: list[str]) -> Iterator[None]:
    """Run a server; it is up once the command ``ready`` succeeds."""

    def attempt() -> None:
        if subprocess.run(ready, check=False, capture_output=True).returncode:
            raise ConnectionError("the server is not up yet")

    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until_up(attempt)
        yield
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Redis; gives the path of its socket."""
    with directory() as path:
        sock = path / "redis"
        command = ["redis-server", "--port", "0", "--unixsocket", str(sock), "--dir", str(path)]
        with serving([*command, "--save", ""], ["redis-cli", "-s", str(sock), "ping"]):
            yield str(sock)


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """PostgreSQL; gives the directory of its socket. The server refuses to run as root."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"))
    with directory() as path:
        user: list[str] = []
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(path, owner.pw_uid, owner.pw_gid)
            user = [shutil.which("runuser") or "runuser", "-u", "postgres", "--"]
        data = str(path / "data")
        create = [str(binaries / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-N"]
        subprocess.run([*user, *create], check=True, capture_output=True, cwd=path)
        serve = [str(binaries / "postgres"), "-D", data, "-k", str(path), "-h", "", "-F"]
        with serving([*user, *serve], [str(binaries / "pg_isready"), "-h", str(path)]):
            yield str(path)
