"""A Sphinx directive, ``lifecycle-table``, that draws the table of states from the code itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Directive

from triloop.states import table_text

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["LifecycleTable", "setup"]

_HEAD = ("call", "in the states", "leads to")
_WIDTHS = (34, 36, 30)


class LifecycleTable(Directive):
    """Draws the table in place of the directive.

    One row for each call and result, so that the table is as narrow as a page.
    """

    def run(self) -> list[nodes.Node]:
        """The table, as nodes of the document."""
        head, *body = table_text()
        group = nodes.tgroup(cols=len(_HEAD))
        group += [nodes.colspec(colwidth=width) for width in _WIDTHS]
        group += nodes.thead("", nodes.row("", *map(self._entry, _HEAD)))
        group += nodes.tbody("", *(row for line in body for row in self._rows(head[1:], line)))
        return [nodes.table("", group, classes=["colwidths-given"])]

    def _rows(self, states: list[str], line: list[str]) -> list[nodes.row]:
        """The rows of one call."""
        call, *cells = line
        results = list(dict.fromkeys(cells))
        rows = []
        for number, result in enumerate(results):
            row = nodes.row()
            if number == 0:
                name, _, note = call.partition(", ")
                row += self._entry(name, code=True, note=note, morerows=len(results) - 1)
            before = [state for state, cell in zip(states, cells, strict=True) if cell == result]
            everywhere = len(before) == len(states)
            row += self._entry("each" if everywhere else ", ".join(before))
            row += self._entry(result, code=result[0].isupper())  # an error, not a state
            rows.append(row)
        return rows

    @staticmethod
    def _entry(text: str, *, code: bool = False, note: str = "", morerows: int = 0) -> nodes.entry:
        paragraph = nodes.paragraph("", "", nodes.literal(text=text) if code else nodes.Text(text))
        if note:
            paragraph += nodes.Text(f", {note}")
        spans = {"morerows": morerows} if morerows else {}
        return nodes.entry("", paragraph, **spans)


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the directive known to Sphinx."""
    app.add_directive("lifecycle-table", LifecycleTable)
    return {"parallel_read_safe": True}
