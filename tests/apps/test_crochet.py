"""crochet, which docs/migration.md shows on a TornadoReactor."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "examples" / "threads" / "with_crochet.py"
PATIENCE = 60.0  # seconds


def test_threads_wait_for_twisted_and_asyncio() -> None:
    ended = subprocess.run(
        [sys.executable, SCRIPT],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "Twisted waited\nasyncio slept\n"
