"""Dask: a scheduler and a worker in this process, beside Twisted."""

import asyncio

from tests.apps import host


async def main() -> None:
    from distributed import Client, LocalCluster
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    import triloop

    options = {"processes": False, "n_workers": 1, "dashboard_address": None}
    async with (
        LocalCluster(asynchronous=True, **options) as cluster,
        Client(cluster, asynchronous=True) as client,
    ):
        numbers = [client.submit(pow, base, 2) for base in range(5)]
        total, waited = await asyncio.gather(
            client.submit(sum, numbers),
            triloop.wait(deferLater(reactor, 0.01, lambda: "Twisted waited")),
        )
    assert (total, waited) == (30, "Twisted waited")


host.run(main)
