"""A Sphinx directive, ``unreleased``: the fragments of ``changelog.d``, for the next release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["Unreleased", "setup"]

_FOLDER = Path(__file__).parents[1] / "changelog.d"
_KINDS = ("added", "changed", "fixed", "removed")


class Unreleased(Directive):
    """Shows what the next release will bring, one list for each kind of change."""

    def run(self) -> list[nodes.Node]:
        """The lists, as nodes of the document; none right after a release."""
        lines: list[str] = []
        for kind in _KINDS:
            fragments = sorted(_FOLDER.glob(f"*.{kind}.md"))
            texts = [" ".join(fragment.read_text("utf-8").split()) for fragment in fragments]
            if texts:
                lines += [f"**{kind.capitalize()}**", "", *(f"- {text}" for text in texts), ""]
        shown = nodes.container()
        self.state.nested_parse(StringList(lines, str(_FOLDER)), 0, shown)
        return list(shown.children)


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the directive known to Sphinx."""
    app.add_directive("unreleased", Unreleased)
    return {"parallel_read_safe": True}
