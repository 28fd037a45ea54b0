"""Synapse: a Matrix server starts, registers a user by its admin API, and stops at SIGTERM."""

import hashlib
import hmac
import json
import os
import signal
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from tests.apps import host

host.install()

from synapse.app import homeserver  # noqa: E402 - it imports the reactor

port = host.free_port()
folder = tempfile.TemporaryDirectory(prefix="synapse")
home = Path(folder.name)
settings = {
    "server_name": "localhost",
    "listeners": [
        {
            "port": port,
            "type": "http",
            "bind_addresses": ["127.0.0.1"],
            "resources": [{"names": ["client"]}],
        }
    ],
    "database": {"name": "sqlite3", "args": {"database": ":memory:"}},  # on a disk it takes longer
    "log_config": str(home / "log.json"),
    "media_store_path": str(home / "media"),
    "registration_shared_secret": "of this test",
    "report_stats": False,
    "macaroon_secret_key": "of this test",
    "form_secret": "of this test",
    "signing_key_path": str(home / "signing.key"),
    "trusted_key_servers": [],
}
(home / "synapse.json").write_text(json.dumps(settings))
(home / "log.json").write_text(json.dumps({"version": 1}))
(home / "signing.key").write_text("ed25519 a_test " + "A" * 43)


def ask(path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, 30) as response:
        return json.load(response)


def client() -> None:
    assert "v1.1" in host.until_up(lambda: ask("/_matrix/client/versions"))["versions"]
    nonce = ask("/_synapse/admin/v1/register")["nonce"]
    parts = (nonce, "ann", "a password", "notadmin")
    mac = hmac.new(b"of this test", "\0".join(parts).encode(), hashlib.sha1).hexdigest()
    user = {"nonce": nonce, "username": "ann", "password": "a password", "mac": mac}
    assert ask("/_synapse/admin/v1/register", user)["user_id"] == "@ann:localhost"


host.beside(client, lambda: os.kill(os.getpid(), signal.SIGTERM))
sys.argv = ["homeserver", "-c", str(home / "synapse.json")]
homeserver.main()
folder.cleanup()
