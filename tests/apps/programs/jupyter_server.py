"""Jupyter Server with an extension whose handler awaits Twisted, and a kernel that is started."""

import json
import os
import sys
import tempfile
import urllib.request
from typing import Any

from jupyter_server.serverapp import ServerApp

from tests.apps import host

port = host.free_port()
home = tempfile.mkdtemp(prefix="jupyter")
os.environ.update(HOME=home, JUPYTER_RUNTIME_DIR=home, JUPYTER_CONFIG_DIR=home)
if host.name() == "uvloop":
    import asyncio

    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def ask(path: str, **options: Any) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}?token=t", **options)
    with urllib.request.urlopen(request, timeout=30) as response:
        body: bytes = response.read()
        return body


def client() -> None:
    assert host.until_up(lambda: ask("/twisted")) == b"Twisted waited"
    kernel = json.loads(ask("/api/kernels", method="POST", data=b"{}"))["id"]
    assert [one["id"] for one in json.loads(ask("/api/kernels"))] == [kernel]
    ask(f"/api/kernels/{kernel}", method="DELETE")


def end() -> None:
    ask("/api/shutdown", method="POST", data=b"")


host.beside(client, end)
sys.argv = [
    "jupyter",
    f"--ServerApp.port={port}",
    "--ServerApp.jpserver_extensions=tests.apps.jupyter_extension=True",
    "--ServerApp.open_browser=False",
    "--ServerApp.allow_root=True",
    "--ServerApp.disable_check_xsrf=True",
    "--IdentityProvider.token=t",
    "--ServerApp.log_level=CRITICAL",
    f"--ServerApp.root_dir={home}",
]
ServerApp.launch_instance()
