"""A twisted.web page whose work is done by a Dask cluster, on other cores or other machines.

    python examples/cluster/primes.py                     a cluster of this machine's cores
    python examples/cluster/primes.py tcp://host:8786     the cluster of that scheduler

Then ask for http://127.0.0.1:8080/1000000: how many primes there are below a million. The request
waits for the cluster, and the reactor goes on with all others. When a client leaves, those of its
tasks that no worker has begun are cancelled.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import triloop

#: Into how many tasks a request is divided.
PARTS = 8
_PORT = 8080


def primes_between(low: int, high: int) -> int:
    """How many primes there are from ``low`` up to ``high``; it runs on a worker."""
    return sum(
        number > 1 and all(number % other for other in range(2, int(number**0.5) + 1))
        for number in range(low, high)
    )


async def primes_below(client: Any, limit: int) -> int:
    """Divide the numbers among the workers, and await the sum."""
    edges = [limit * part // PARTS for part in range(PARTS + 1)]
    return int(await client.submit(sum, client.map(primes_between, edges[:-1], edges[1:])))


def site(client: Any) -> Any:
    """The site, for a reactor to listen with.

    Args:
        client: An asynchronous client of the cluster.
    """
    from twisted.internet.defer import CancelledError
    from twisted.web.resource import Resource
    from twisted.web.server import NOT_DONE_YET, Request, Site

    class Primes(Resource):
        isLeaf = True

        def render_GET(self, request: Request) -> bytes | int:
            number = request.path[1:]
            if not number.isdigit():
                request.setResponseCode(400)
                return b"ask for a number, as in /1000000\n"
            answered = triloop.as_deferred(answer(request, int(number)))
            request.notifyFinish().addErrback(lambda left: answered.cancel())
            answered.addErrback(
                lambda why: why.check(CancelledError) or request.processingFailed(why)
            )
            return NOT_DONE_YET

    async def answer(request: Request, limit: int) -> None:
        request.write(b"%d primes below %d\n" % (await primes_below(client, limit), limit))
        request.finish()

    return Site(Primes())


@asynccontextmanager
async def cluster(scheduler: str | None) -> AsyncIterator[Any]:
    """A client of the scheduler, or of workers that are started here."""
    from distributed import Client, LocalCluster

    if scheduler:
        async with Client(scheduler, asynchronous=True) as client:
            yield client
    else:
        async with (
            LocalCluster(asynchronous=True, dashboard_address=None) as local,
            Client(local, asynchronous=True) as client,
        ):
            yield client


async def main(scheduler: str | None = None) -> None:
    """Serve until the program is interrupted."""
    from twisted.internet import reactor

    async with cluster(scheduler) as client:
        reactor.listenTCP(_PORT, site(client), interface="127.0.0.1")
        print(f"try http://127.0.0.1:{_PORT}/1000000", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    triloop.run(main(*sys.argv[1:]))
