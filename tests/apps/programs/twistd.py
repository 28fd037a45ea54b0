"""twistd: `--reactor=triloop` runs a service of klein's from a .tac file, which ends at SIGTERM."""

import urllib.request

from tests.apps import host, servers

TAC = """
import asyncio

from klein import Klein
from twisted.application import service, strports
from twisted.internet import reactor
from twisted.web.server import Site

import triloop

app = Klein()


@app.route("/")
async def answer(request):
    loop = await triloop.wait(asyncio.sleep(0.01, asyncio.get_running_loop()))
    return f"{type(reactor).__name__} in {type(loop).__module__}"


application = service.Application("klein")
site = strports.service("tcp:PORT:interface=127.0.0.1", Site(app.resource()))
site.setServiceParent(application)
"""
REACTORS = {"asyncio": "triloop", "uvloop": "triloop-uvloop"}
ANSWERS = {
    "asyncio": b"TornadoReactor in asyncio.unix_events",
    "uvloop": b"TornadoReactor in uvloop",
}

port = host.free_port()
with servers.directory() as home:
    (home / "klein.tac").write_text(TAC.replace("PORT", str(port)))
    options = [f"--reactor={REACTORS[host.name()]}", "--nodaemon", "--python", "klein.tac"]
    with servers.running([servers.command("twistd"), *options], home) as log:

        def ask() -> bytes:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as response:
                return response.read()

        assert host.until_up(ask) == ANSWERS[host.name()]
    assert "Server Shut Down" in log.read_text(), log.read_text()
host.tell("done")
