"""A Sphinx directive, ``lifecycle-table``, that draws the table of states from the code itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Directive

from triloop.states import table_text

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["LifecycleTable", "setup"]


class LifecycleTable(Directive):
    """Draws the table in place of the directive."""

    def run(self) -> list[nodes.Node]:
        """The table, as nodes of the document."""
        head, *body = table_text()
        group = nodes.tgroup(cols=len(head))
        group += [nodes.colspec(colwidth=1) for _ in head]
        group += nodes.thead("", self._row(head))
        group += nodes.tbody("", *(self._row(row) for row in body))
        return [nodes.table("", group)]

    @staticmethod
    def _row(cells: list[str]) -> nodes.row:
        row = nodes.row()
        for number, cell in enumerate(cells):
            # Names of code are the events, down the first column, and the errors.
            code = bool(cell) and (number == 0 or cell[0].isupper())
            text = nodes.literal(text=cell) if code else nodes.Text(cell)
            row += nodes.entry("", nodes.paragraph("", "", text))
        return row


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the directive known to Sphinx."""
    app.add_directive("lifecycle-table", LifecycleTable)
    return {"parallel_read_safe": True}
