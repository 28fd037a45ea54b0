"""Reads the tables of docs/contexts.md, and fills them in by running the rows in each place.

``python -m tests.contract.contexts.table`` fills them in on the Python that runs it. A cell may
have two values: ``empty; 3.15: asker`` is ``asker`` from CPython 3.15 on.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.contract.contexts import asyncio_rows, twisted_rows
from tests.contract.contexts.places import ASYNCIO_PLACES, TWISTED_PLACES, Rows, play

PAGE = Path(__file__).parents[3] / "docs" / "contexts.md"
#: How often each row is run, to see whether it varies.
REPEATS = 10
VARIES = "varies"

#: The places of the rows of a table, and the column of each.
TABLES: dict[str, tuple[Rows, list[str]]] = {
    "Asked of a reactor": (
        twisted_rows.ROWS,
        [
            "TornadoReactor",
            "EPollReactor, asked by asyncio code",
            "EPollReactor",
            "AsyncioSelectorReactor",
        ],
    ),
    "Asked of a loop": (asyncio_rows.ROWS, ["ReactorEventLoop", "asyncio", "uvloop"]),
}
#: Places without a column: they must be as another place.
SAME = {
    "TornadoReactor on uvloop": "TornadoReactor",
    "asyncio, with a TornadoReactor": "asyncio",
    "uvloop, with a TornadoReactor": "uvloop",
}
PLACES = {**TWISTED_PLACES, **ASYNCIO_PLACES}

Table = dict[str, dict[str, str]]
"""By the name of a place: what the rows have seen there, by their names."""


def on_page(text: str) -> Table:
    """All cells of the page's tables."""
    table: Table = {}
    columns: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells[1:]
        elif not re.fullmatch(r"-+", cells[0]):
            for column, cell in zip(columns, cells[1:], strict=True):
                table.setdefault(column, {})[cells[0]] = cell
    return table


def now(cell: str) -> str:
    """The value of a cell on this Python."""
    told, _, newer = cell.partition("; 3.15: ")
    return newer if newer and sys.version_info >= (3, 15) else told


def seen() -> Table:
    """The contexts of all rows, in the places that have a column."""
    return {
        place: _in_short([play(rows, PLACES[place]) for _ in range(REPEATS)], rows)
        for rows, places in TABLES.values()
        for place in places
    }


def _in_short(found: Iterable[dict[str, str]], rows: Rows) -> dict[str, str]:
    values = {name: {one[name] for one in found} for name in rows}
    return {name: min(seen) if len(seen) == 1 else VARIES for name, seen in values.items()}


def markdown(title: str, table: Table) -> str:
    """One of the tables."""
    rows, places = TABLES[title]
    lines = [[title, *places], *[[name, *(table[at][name] for at in places)] for name in rows]]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def fill_in() -> None:
    """Write the results into the page."""
    text = PAGE.read_text(encoding="utf-8")
    told, table = on_page(text), seen()
    for place, cells in table.items():
        for name, cell in cells.items():
            before = told.get(place, {}).get(name, "")
            cells[name] = before if now(before) == cell else cell
    for title in TABLES:
        text = re.sub(rf"\| {title} \|(.*\n\|)*.*\n", lambda _: markdown(title, table), text)  # noqa: B023
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    fill_in()
