"""txredisapi with a Redis server."""

from tests.apps import host, servers


async def main() -> None:
    import txredisapi

    import triloop

    with servers.redis() as path:
        connection = await triloop.wait(txredisapi.UnixConnection(path, reconnect=False))
        await triloop.wait(connection.set("greeting", "hello"))
        assert await triloop.wait(connection.get("greeting")) == "hello"
        await triloop.wait(connection.disconnect())


host.run(main)
