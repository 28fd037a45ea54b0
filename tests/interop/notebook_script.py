"""Runs the example notebook in a real kernel, as Jupyter does: twice, and again after a restart."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.util import run_sync

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"
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


def script() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    client: Any = NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3")
    client.create_kernel_manager()
    client.km.transport = "ipc"  # a kernel warns of TCP, as others might listen
    with client.setup_kernel():
        run_through(client, "at first")
        run_through(client, "again in the same kernel")
        run_sync(client.km._async_restart_kernel)(now=True)
        run_sync(client.kc._async_wait_for_ready)(timeout=PATIENCE)
        run_through(client, "after a restart")


if __name__ == "__main__":
    script()
    sys.stdout.write("done\n")
