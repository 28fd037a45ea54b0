"""The applications of docs/programs.md by the ``uvicorn`` command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.apps import host

EXAMPLES = Path(__file__).parents[2] / "examples" / "asgi"
PATIENCE = 60.0  # seconds
WAYS = [("--loop", "asyncio"), ("--loop", "uvloop"), ("--loop", "uvloop", "--workers", "2")]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
@pytest.mark.parametrize("module", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_page_is_served_and_the_command_ends(module: str, way: tuple[str, ...]) -> None:
    port = host.free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "uvicorn", f"{module}:app", f"--port={port}", *way],
        cwd=EXAMPLES,
        env={**os.environ, "PYTHONWARNINGS": "error::RuntimeWarning"},
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            url = f"http://127.0.0.1:{port}/"
            with host.until_up(lambda: urllib.request.urlopen(url)) as response:
                assert b"Twisted waited" in response.read()
            server.terminate()
            _, said = server.communicate(timeout=PATIENCE)
        finally:
            server.kill()
    # uvicorn raises the signal again once it has ended; the parent of its workers does not.
    assert server.returncode == (0 if "--workers" in way else -signal.SIGTERM)
    assert "Application shutdown complete" in said
    assert "Traceback" not in said
