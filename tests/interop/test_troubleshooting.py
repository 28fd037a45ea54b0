"""The page of errors by their text: each text on it is one that a program is told."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/troubleshooting.md"
#: Stands for what a text is filled in with.
ANYTHING = "\0"
#: What a program has to be of a certain kind for; each is looked for in the text of the package.
OF_PACKAGES = {
    "You cannot use AsyncToSync in the same thread as an async event loop": "asgiref",
    "EventualResult.wait() must not be run in the reactor thread.": "crochet",
    "Scrapy found an asyncio Twisted reactor already installed, "
    "and its event loop class (…) does not match": "scrapy",
    "async def functions are not natively supported.": "_pytest",
    "The specified reactor cannot be used, failed with error: …": "twisted.application",
}


def entries() -> list[str]:
    """The texts at the top of the entries, in backquotes, save those of newer Pythons."""
    found = re.findall(r"^`+(\S.*?)`+\n: (.*(?:\n  .*)*)", PAGE.read_text("utf-8"), re.MULTILINE)
    since = re.compile(r"from Python 3\.(\d+) on", re.IGNORECASE)
    return [
        text
        for text, cause in found
        if all(int(minor) <= sys.version_info.minor for minor in since.findall(cause))
    ]


def texts_of(folder: Path) -> Iterator[str]:
    """All strings of a package, with a mark in place of what is filled in."""
    for path in folder.rglob("*.py"):
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
    texts = [*texts_of(ROOT / "triloop"), *native_texts()]
    filled = [text.replace(ANYTHING, "as_future") for text in texts]
    unknown = {e for e in found if not any(map(pattern(e).search, [*texts, *filled]))}
    assert unknown == OF_PACKAGES.keys()


@pytest.mark.parametrize("entry", OF_PACKAGES)
def test_each_error_of_another_package_is_in_its_text(entry: str) -> None:
    spec = importlib.util.find_spec(OF_PACKAGES[entry])
    if spec is None or spec.origin is None:
        pytest.skip(f"{OF_PACKAGES[entry]} is not installed")
    assert any(map(pattern(entry).search, texts_of(Path(spec.origin).parent)))
