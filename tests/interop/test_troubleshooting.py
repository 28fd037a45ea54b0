"""The page of errors by their text: each text on it is one that a program is told."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/troubleshooting.md"
#: Stands for what a text is filled in with.
ANYTHING = "\0"


def entries() -> list[str]:
    """The texts at the top of the entries, in backquotes."""
    lines = re.findall(r"^(\S.*)\n: ", PAGE.read_text("utf-8"), re.MULTILINE)
    return [line.strip("`") for line in lines if line.startswith("`")]


def own_texts() -> Iterator[str]:
    """All strings of the package, with a mark in place of what is filled in."""
    for path in (ROOT / "triloop").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                parts = (getattr(part, "value", "") for part in node.values)
                yield "".join(part if isinstance(part, str) else ANYTHING for part in parts)


def native_texts() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.interop.messages_script"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    told: list[str] = json.loads(done.stdout)
    return told


def pattern(entry: str) -> re.Pattern[str]:
    """What matches an entry; `…` stands for anything, and for what the package fills in."""
    return re.compile(".*".join(map(re.escape, entry.split("…"))), re.DOTALL)


def test_each_error_is_one_that_a_program_is_told() -> None:
    found = entries()
    assert len(found) > 40
    texts = [*own_texts(), *native_texts()]
    filled = [text.replace(ANYTHING, "as_future") for text in texts]
    unknown = [e for e in found if not any(map(pattern(e).search, [*texts, *filled]))]
    assert unknown == []
