"""Downloads with treq, as many at once as the load has connections.

``python -m benchmarks.applications.treq_downloads CONTENDER PORT SIZE CONNECTIONS SECONDS``.
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.contenders import run_reactor
from benchmarks.stopwatch import Stopwatch, leave_imports_out


async def download(reactor: Any, url: str, size: int, connections: int, seconds: float) -> None:
    """Ask again and again, on connections that are kept."""
    from treq.client import HTTPClient
    from twisted.internet.defer import Deferred, gatherResults
    from twisted.web.client import Agent, HTTPConnectionPool

    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = connections
    client = HTTPClient(Agent(reactor, pool=pool))

    async def one() -> None:
        response = await client.get(url)
        assert len(await response.content()) == size

    async def ask(watch: Stopwatch) -> None:
        while not watch.over():
            await one()
            watch.operations += 1

    def at_once(make: Any) -> Any:
        return gatherResults(Deferred.fromCoroutine(make()) for _ in range(connections))

    await at_once(one)
    leave_imports_out()
    watch = Stopwatch(seconds)
    await at_once(lambda: ask(watch))
    watch.tell()
    await pool.closeCachedConnections()


def main(contender: str, port: str, size: str, connections: str, seconds: str) -> None:
    """Run it on the contender."""
    url = f"http://127.0.0.1:{port}/file/{size}"
    arguments = int(size), int(connections), float(seconds)
    run_reactor(contender, lambda reactor: download(reactor, url, *arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
