"""Runs the example notebook, and the cells of a page, in a real kernel, as Jupyter does."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.util import run_sync

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "notebook.ipynb"
PAGE = ROOT / "docs" / "programs.md"
PATIENCE = 50
#: The results of the cells that have one.
SHOWN = [
    "True",
    "['Coffee', 'Home', 'Tea']",
    "['Coffee', 'Home', 'Tea']",
    """'<title>Home</title><a href="/tea">/tea</a><a href="/coffee">/coffee</a>'""",
    """'<title>Tea</title><a href="/coffee">/coffee</a>'""",
    """'<title>Coffee</title><a href="/">/</a>'""",
    "False",
]


def shown_by(cells: list[Any]) -> list[str]:
    """The results of the cells, and their other output."""
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    return [
        output["data"]["text/plain"] if output["output_type"] == "execute_result" else str(output)
        for output in outputs
    ]


def run_through(client: NotebookClient, moment: str) -> None:
    for number, cell in enumerate(client.nb.cells):
        client.execute_cell(cell, number)
    shown = shown_by(client.nb.cells)
    assert shown == SHOWN, (moment, shown)


def cells_of_the_page() -> list[str]:
    """What the page of programs shows to write into cells."""
    section = PAGE.read_text("utf-8").partition("## Jupyter\n")[2].partition("\n## ")[0]
    return re.findall(r"^```{code-block} python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def run_cells(client: Any, *sources: str) -> list[str]:
    """Run cells one after the other; gives what they print."""
    client.nb.cells = [nbformat.v4.new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]
    for number, cell in enumerate(client.nb.cells):
        client.execute_cell(cell, number)
    return [output["text"] for cell in client.nb.cells for output in cell["outputs"]]


def restart(client: Any) -> None:
    run_sync(client.km._async_restart_kernel)(now=True)
    run_sync(client.kc._async_wait_for_ready)(timeout=PATIENCE)


def script() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    client: Any = NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3")
    client.create_kernel_manager()
    client.km.transport = "ipc"  # a kernel warns of TCP, as others might listen
    with client.setup_kernel():
        run_through(client, "at first")
        run_through(client, "again in the same kernel")
        restart(client)
        run_through(client, "after a restart")
        attached, installed, waits = cells_of_the_page()
        assert run_cells(client, attached, attached) == ["Twisted waited\n"] * 2
        restart(client)
        assert run_cells(client, installed, waits, waits) == ["Twisted waited\n"] * 2


if __name__ == "__main__":
    script()
    sys.stdout.write("done\n")
