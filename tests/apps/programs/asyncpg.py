"""asyncpg with a PostgreSQL server: a transaction, and what one connection notifies another of."""

import asyncio

from tests.apps import host, servers


async def main() -> None:
    import asyncpg

    with servers.postgresql() as directory:
        one, two = [await asyncpg.connect(host=directory, user="postgres") for _ in range(2)]
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        await two.add_listener("words", lambda *what: heard.set_result(what[-1]))
        async with one.transaction():
            await one.execute("create table words (word text)")
            await one.executemany("insert into words values ($1)", [("hello",), ("world",)])
            await one.execute("notify words, 'two of them'")
        assert await asyncio.wait_for(heard, 20) == "two of them"
        rows = await two.fetch("select word from words order by word")
        assert [row["word"] for row in rows] == ["hello", "world"], rows
        await one.close()
        await two.close()


host.run(main)
