"""Synapse: its own start-up on a TornadoReactor, with SQLite, until it answers a client."""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from tests.apps import host

reactor = host.install()
home = tempfile.mkdtemp(prefix="synapse")
config = f"{home}/homeserver.yaml"
generate = ["--server-name", "localhost", "--generate-config", "--report-stats", "no"]
subprocess.run(
    [sys.executable, "-m", "synapse.app.homeserver", *generate, "-c", config],
    check=True,
    capture_output=True,
    cwd=home,
)
port = host.free_port()
with Path(config).open("a", encoding="utf-8") as file:
    file.write(
        f"listeners: [{{port: {port}, bind_addresses: [127.0.0.1], type: http, "
        "resources: [{names: [client]}]}]\ntrusted_key_servers: []\n"
    )


def client() -> None:
    def ask() -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_matrix/client/versions") as response:
            body: bytes = response.read()
            return body

    assert "v1.1" in json.loads(host.until_up(ask, patience=140))["versions"]


host.beside(client, lambda: reactor.callFromThread(reactor.stop))
sys.argv = ["synapse", "-c", config]
from synapse.app.homeserver import main  # noqa: E402

main()
