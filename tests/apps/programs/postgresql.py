"""asyncpg, SQLAlchemy and txpostgres with one PostgreSQL server: each sees the others' rows."""

from tests.apps import host, servers


async def main() -> None:
    import asyncpg
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine
    from txpostgres import txpostgres

    import triloop

    with servers.postgresql() as directory:
        one = await asyncpg.connect(host=directory, user="postgres")
        await one.execute("create table words (word text)")
        await one.execute("insert into words values ('asyncpg')")

        engine = create_async_engine(f"postgresql+asyncpg://postgres@/postgres?host={directory}")
        async with engine.begin() as connection:
            await connection.execute(text("insert into words values ('SQLAlchemy')"))
        await engine.dispose()

        two = txpostgres.Connection()
        await triloop.wait(two.connect(host=directory, user="postgres", dbname="postgres"))
        await triloop.wait(two.runOperation("insert into words values ('txpostgres')"))
        rows = await triloop.wait(two.runQuery("select word from words order by word"))
        assert [row[0] for row in rows] == ["SQLAlchemy", "asyncpg", "txpostgres"], rows
        two.close()
        await one.close()


host.run(main)
