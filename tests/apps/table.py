"""The applications of this lane, and the table that the documentation shows of the results."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from tests import markdown
from tests.apps.host import HOSTS

__all__ = ["APPLICATIONS", "Application", "write"]

PROGRAMS = Path(__file__).parent / "programs"
ON_ASYNCIO = ("asyncio", "uvloop")
EVERYWHERE = (*ON_ASYNCIO, "epoll")


@dataclass(frozen=True)
class Application:
    """A row: a program of ``programs/``, and where it runs."""

    program: str
    #: The packages whose versions the row shows.
    packages: tuple[str, ...]
    hosts: tuple[str, ...] = EVERYWHERE


APPLICATIONS = (
    Application("scrapy", ("scrapy",), ON_ASYNCIO),
    Application("scrapy_crawl", ("scrapy",), ON_ASYNCIO),
    Application("scrapy_async_runner", ("scrapy",), ON_ASYNCIO),
    Application("scrapy_notebook", ("scrapy", "ipykernel"), ("asyncio",)),
    Application("daphne", ("daphne", "channels", "django"), ON_ASYNCIO),
    Application("daphne_command", ("daphne", "channels", "django"), ON_ASYNCIO),
    Application("uvicorn_and_fastapi", ("uvicorn", "fastapi"), ON_ASYNCIO),
    Application("litestar", ("litestar", "uvicorn"), ON_ASYNCIO),
    Application("quart_on_hypercorn", ("quart", "hypercorn")),
    Application("jupyter_server", ("jupyter-server",), ON_ASYNCIO),
    Application("autobahn_on_twisted", ("autobahn",)),
    Application("autobahn_on_asyncio", ("autobahn",)),
    Application("twistd", ("twisted", "klein"), ON_ASYNCIO),
    Application("klein", ("klein",)),
    Application("treq", ("treq",)),
    Application("conch", ("twisted", "bcrypt")),
    Application("asyncssh", ("asyncssh", "twisted")),
    Application("smtp", ("twisted",)),
    Application("redis", ("txredisapi",)),
    Application("asyncpg", ("asyncpg",)),
    Application("sqlalchemy", ("sqlalchemy", "asyncpg")),
    Application("txpostgres", ("txpostgres", "psycopg2-binary")),
    Application("grpc_aio", ("grpcio",)),
    Application("bokeh", ("bokeh",)),
    Application("dask", ("distributed",)),
    Application("dask_behind_twisted_web", ("distributed", "twisted")),
    Application("buildbot", ("buildbot",)),
    Application("synapse", ("matrix-synapse",)),
    Application("magic_wormhole", ("magic-wormhole",)),
)


def write(path: Path, passed: set[tuple[str, str]]) -> None:
    """Write the table.

    Args:
        path: The file, in Markdown.
        passed: The programs that passed, each with its host.
    """
    head = ["Application", "What is tried", *(f"`{host}`" for host in HOSTS)]
    rows = []
    for one in APPLICATIONS:
        cells = ["passes" if (one.program, host) in passed else "" for host in HOSTS]
        rows.append([markdown.versions(one.packages), _doc(one.program), *cells])
    lines = markdown.table(head, rows) + markdown.used(("twisted", "tornado", "uvloop"))
    path.write_text("\n".join(lines), encoding="utf-8")


def _doc(program: str) -> str:
    """The first line of the program, which says what it tries."""
    tree = ast.parse((PROGRAMS / f"{program}.py").read_text("utf-8"))
    text = (ast.get_docstring(tree) or "").splitlines()[0]
    tried = text.partition(": ")[2]
    return tried[:1].upper() + tried[1:] if tried else text
