"""Runs Tornado's own suite: ``python -m tests.upstream.tornado_runner LOOP RECORD [TEST...]``.

LOOP is "native", "epoll", "select", or "ioloop": TwistedIOLoop where Tornado makes a loop, and
ReactorEventLoop on epoll where asyncio does.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tornado.ioloop import IOLoop
from tornado.test import runtests

from .loops import make_asyncio_use
from .recording import RecordingRunner

SILENCE = "tornado.test.runtests.silence"
"""Stands in the record for the rule of Tornado's runner that a passing suite writes nothing, to the
log or to stderr; a resource that is not closed shows there."""


def main() -> None:
    loop, record, *wanted = sys.argv[1:]
    if loop == "ioloop":
        make_asyncio_use("epoll")
        IOLoop.configure("triloop.TwistedIOLoop")
    else:
        make_asyncio_use(loop)
    runner = RecordingRunner(Path(record))
    runtests.test_runner_factory = lambda stderr: runner
    sys.argv[1:] = wanted or ["tornado.test.runtests.all"]
    try:
        runtests.main()
    except SystemExit as end:
        if runner.successful:
            runner.add(SILENCE, "failed" if end.code else "passed")


if __name__ == "__main__":
    main()
