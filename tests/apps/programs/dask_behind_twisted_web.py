"""Dask: a request of twisted.web hands its work to the processes of a LocalCluster."""

import asyncio
import os
from urllib.request import urlopen

from tests.apps import host


async def main() -> None:
    from twisted.internet import reactor

    import triloop
    from examples.cluster.primes import cluster, site

    async with cluster(None) as client:
        port = reactor.listenTCP(0, site(client), interface="127.0.0.1")
        url = f"http://127.0.0.1:{port.getHost().port}/"

        def ask(limit: int) -> bytes:
            with urlopen(f"{url}{limit}") as answer:
                return answer.read()

        answers = await asyncio.gather(*(asyncio.to_thread(ask, n) for n in (100, 100_000)))
        assert answers == [b"25 primes below 100\n", b"9592 primes below 100000\n"], answers
        assert os.getpid() not in (await client.run(os.getpid)).values()
        await triloop.wait(port.stopListening())


if __name__ == "__main__":  # the workers import this module
    host.run(main)
