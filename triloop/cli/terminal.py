"""Tables and progress: by rich on a terminal, where it is installed, and else as plain text."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

__all__ = ["Row", "say", "show_table", "steps"]

_CODES = {"yellow": 33, "red": 31}
#: Columns of a progress bar.
_WIDTH = 30


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        cells: Its texts; a line break begins a new line of the cell.
        color: Of all of it: ``"red"``, ``"yellow"`` or none.
    """

    cells: Sequence[str]
    color: str = ""


def say(text: str) -> None:
    """Print text. If the reader of a pipe has closed it, the rest is dropped without an error."""
    try:
        print(text, flush=True)  # noqa: T201 - the report
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_table(rows: Iterable[Row], head: Sequence[str] = ()) -> None:
    """Print a table: with colours on a terminal, unless NO_COLOR is set.

    Args:
        rows: All with equally many cells.
        head: The titles of the columns; none by default.
    """
    rows = list(rows)
    rich = _rich()
    if rich:
        _show_by_rich(rows, head, rich)
        return
    titles = [Row(head)] if head else []
    for line in _plain_lines([*titles, *rows]):
        say(line)


def steps(names: Sequence[str]) -> Iterator[str]:
    """Go through steps that take a while, with a progress bar on stderr if that is a terminal."""
    for number, name in enumerate(names):
        if sys.stderr.isatty():
            bar = "#" * (_WIDTH * number // len(names))
            _draw(f"[{bar:{_WIDTH}}] {number + 1} of {len(names)}: {name}")
        yield name
    if sys.stderr.isatty():
        _draw("")


def _draw(text: str) -> None:
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)  # noqa: T201 - for the eye


def _rich() -> Any:
    """The library, where it is installed and stdout is a terminal."""
    if not sys.stdout.isatty():
        return None
    try:
        import rich.console
        import rich.table
        import rich.text
    except ImportError:
        return None
    return rich


def _show_by_rich(rows: list[Row], head: Sequence[str], rich: Any) -> None:
    titles = head or [""] * len(rows[0].cells)
    table = rich.table.Table(box=None, show_header=bool(head), pad_edge=False)
    for number, title in enumerate(titles, 1):
        table.add_column(title, no_wrap=number < len(titles), overflow="fold")
    for row in rows:
        table.add_row(*map(rich.text.Text, row.cells), style=row.color)
    rich.console.Console(highlight=False).print(table)


def _plain_lines(rows: list[Row]) -> Iterator[str]:
    widths = [
        max(len(line) for row in rows for line in row.cells[column].split("\n"))
        for column in range(len(rows[0].cells))
    ]
    colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for row in rows:
        split = [cell.split("\n") for cell in row.cells]
        for number in range(max(map(len, split))):
            cells = [cell[number] if number < len(cell) else "" for cell in split]
            line = "  ".join(
                f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True)
            ).rstrip()
            code = _CODES.get(row.color) if colored else None
            yield f"\x1b[{code}m{line}\x1b[0m" if code else line
