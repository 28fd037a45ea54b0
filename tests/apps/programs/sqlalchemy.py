"""SQLAlchemy: on asyncpg, what one session adds, another one finds."""

from tests.apps import host, servers


async def main() -> None:
    from sqlalchemy import select
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

    class Base(DeclarativeBase):
        pass

    class Word(Base):
        __tablename__ = "words"
        word: Mapped[str] = mapped_column(primary_key=True)

    with servers.postgresql() as directory:
        engine = create_async_engine(f"postgresql+asyncpg://postgres@/postgres?host={directory}")
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        session = async_sessionmaker(engine)
        async with session.begin() as one:
            one.add_all([Word(word="hello"), Word(word="world")])
        async with session() as other:
            words = (await other.scalars(select(Word.word).order_by(Word.word))).all()
        assert words == ["hello", "world"], words
        await engine.dispose()


host.run(main)
