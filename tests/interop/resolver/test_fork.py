"""A fork in the middle of lookups: parent and child each go on, and share nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.resolver.harness import WORLDS
from tests.interop.resolver.scripted import Asked, ScriptedServer

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")
@pytest.mark.parametrize("kind", WORLDS)
def test_parent_and_child_each_go_on_by_themselves(kind: str) -> None:
    def script(asked: Asked) -> list[bytes]:
        is_lost = asked.name == "slow.test" and server.names().count("slow.test") == 1
        return [] if is_lost else [asked.reply("192.0.2.1")]

    server = ScriptedServer(script)
    try:
        command = [sys.executable, "-m", "tests.interop.resolver.fork_script", kind]
        done = subprocess.run(
            [*command, str(server.address[1])],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.close()
    assert (done.returncode, done.stderr) == (0, "")
    # What the parent has under way or queued is not the child's; what it knows is asked for again.
    assert [server.names().count(f"{name}.test") for name in ("slow", "queued", "warm")] == [
        2,
        1,
        2,
    ]
    ids = {
        family: [asked.data[:2] for asked in server.asked if asked.name.startswith(family)]
        for family in ("parent", "child")
    }
    assert len(ids["parent"]) == len(ids["child"]) == 8
    assert ids["parent"] != ids["child"]
