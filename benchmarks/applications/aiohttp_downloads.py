"""Downloads with aiohttp's client, as many at once as the load has connections.

``python -m benchmarks.applications.aiohttp_downloads CONTENDER PORT SIZE CONNECTIONS SECONDS``.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp

from benchmarks.contenders import run_loop
from benchmarks.stopwatch import Stopwatch, leave_imports_out


async def download(url: str, size: int, connections: int, seconds: float) -> None:
    """Ask again and again, on connections that are kept."""
    async with aiohttp.ClientSession() as session:

        async def one() -> None:
            async with session.get(url) as response:
                assert len(await response.read()) == size

        async def ask(watch: Stopwatch) -> None:
            while not watch.over():
                await one()
                watch.operations += 1

        await asyncio.gather(*(one() for _ in range(connections)))
        leave_imports_out()
        watch = Stopwatch(seconds)
        await asyncio.gather(*(ask(watch) for _ in range(connections)))
        watch.tell()


def main(contender: str, port: str, size: str, connections: str, seconds: str) -> None:
    """Run it on the contender."""
    url = f"http://127.0.0.1:{port}/file/{size}"
    run_loop(contender, lambda: download(url, int(size), int(connections), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
