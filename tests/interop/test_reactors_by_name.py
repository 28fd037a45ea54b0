"""Twisted's commands run with our reactors, by name."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE = 60.0

#: The name, and the module of the loop that it runs in.
LOOPS = {"triloop": "asyncio.unix_events", "triloop-uvloop": "uvloop"}

TESTS = """
import asyncio
import sys
from twisted.internet import reactor, task, utils
from twisted.trial.unittest import TestCase

class LoopTest(TestCase):
    async def test_loop(self):
        self.assertEqual(type(reactor).__name__, "TornadoReactor")
        await task.deferLater(reactor, 0)  # trial begins a test before the reactor runs
        self.assertEqual(type(asyncio.get_running_loop()).__module__, "{module}")

    async def test_child(self):
        output = await utils.getProcessOutput(sys.executable, ["-c", "print(7)"])
        self.assertEqual(output, b"7\\n")
"""


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("workers", [[], ["-j2"]], ids=["alone", "with workers"])
@pytest.mark.parametrize("name", LOOPS)
def test_trial_runs_on_it(name: str, workers: list[str], tmp_path: Path) -> None:
    (tmp_path / "test_loop.py").write_text(TESTS.format(module=LOOPS[name]))
    said = run("-m", "twisted.trial", f"--reactor={name}", *workers, "test_loop", cwd=tmp_path)
    assert "successes=2" in said


@pytest.mark.parametrize("name", LOOPS)
def test_twist_runs_a_service_on_it(name: str, tmp_path: Path) -> None:
    said = run("-c", TWIST, f"--reactor={name}", "web", "--listen=tcp:0", cwd=tmp_path)
    assert "TornadoReactor" in said


#: Twisted's command; the service stops as soon as it runs.
TWIST = """
import sys
from twisted.application.twist._twist import Twist
from twisted.application.service import Service

started = Service.privilegedStartService
def start(self):
    from twisted.internet import reactor
    print(type(reactor).__name__)
    reactor.callLater(0, reactor.stop)
    started(self)
Service.privilegedStartService = start
Twist.main(sys.argv)
"""


TWISTD = "from twisted.scripts.twistd import run; run()"

APPLICATION = """
from pathlib import Path
from twisted.application.service import Application, Service
from twisted.internet import reactor

class Noted(Service):
    def startService(self):
        Path("started").write_text(type(reactor).__name__)
        reactor.callLater(0, reactor.stop)

application = Application("noted")
Noted().setServiceParent(application)
"""


@pytest.mark.parametrize("way", [["--nodaemon"], ["--pidfile=twistd.pid", "--logfile=twistd.log"]])
def test_twistd_runs_an_application_on_it(way: list[str], tmp_path: Path) -> None:
    (tmp_path / "app.tac").write_text(APPLICATION)
    run("-c", TWISTD, "--reactor=triloop", *way, "-y", "app.tac", cwd=tmp_path)
    end = time.monotonic() + PATIENCE
    log = tmp_path / "twistd.log"
    while way[0] != "--nodaemon" and not (log.exists() and "Server Shut Down" in log.read_text()):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert (tmp_path / "started").read_text() == "TornadoReactor"


def test_missing_uvloop_is_named_with_the_fix(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['uvloop'] = None; "
    done = subprocess.run(
        [sys.executable, "-c", hidden + TWISTD, "--reactor=triloop-uvloop", "web"],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "pip install 'triloop[uvloop]'" in done.stdout + done.stderr
