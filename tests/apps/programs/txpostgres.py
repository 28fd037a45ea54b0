"""txpostgres with a PostgreSQL server: a pool of connections, a transaction, and rows."""

from typing import Any

from tests.apps import host, servers


async def main() -> None:
    from txpostgres import txpostgres

    import triloop

    def fill(cursor: Any) -> Any:
        filled = cursor.execute("create table words (word text)")
        return filled.addCallback(
            lambda cursor: cursor.execute("insert into words values ('hello'), ('world')")
        )

    with servers.postgresql() as directory:
        pool = txpostgres.ConnectionPool(
            None, min=2, host=directory, user="postgres", dbname="postgres"
        )
        await triloop.wait(pool.start())
        await triloop.wait(pool.runInteraction(fill))
        rows = await triloop.wait(pool.runQuery("select word from words order by word"))
        assert [row[0] for row in rows] == ["hello", "world"], rows
        pool.close()


host.run(main)
