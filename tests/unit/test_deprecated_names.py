"""No name is used that the installed Twisted, Tornado or asyncio marks as deprecated.

A warning is an error in every test already. This finds names that are only documented as
deprecated, or that no test uses.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("triloop", "twisted", "tests", "examples", "benchmarks", "docs")
    for path in (ROOT / folder).rglob("*.py")
)
LIBRARIES = ("twisted.", "tornado.", "asyncio.", "asyncio")
#: Deprecated names that are used nevertheless.
REASONS = {
    "tornado.platform.asyncio.AsyncIOLoop": "no other documented class can be inherited from",
    "asyncio.events.set_event_loop_policy": "Python 3.10: asyncio.run takes no loop_factory there",
}

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@functools.cache
def deprecated_in(module: str) -> frozenset[str]:
    """The functions and classes of a module that its source marks as deprecated."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return frozenset()
    tree = ast.parse(Path(spec.origin).read_text("utf-8"))
    nodes = [node for node in tree.body if isinstance(node, _Definition)]
    attributes = [ast.literal_eval(call.args[-1]) for call in _attribute_marks(tree)]
    return frozenset([*(node.name for node in nodes if _is_marked(node)), *attributes])


def _is_marked(node: _Definition) -> bool:
    if ".. deprecated::" in (ast.get_docstring(node) or ""):
        return True
    if any("deprecated" in ast.unparse(decorator) for decorator in node.decorator_list):
        return True
    calls = (part for part in ast.walk(node) if isinstance(part, ast.Call))
    return any(ast.unparse(call.func) == "warnings._deprecated" for call in calls)


def _attribute_marks(tree: ast.Module) -> list[ast.Call]:
    """Twisted's calls that mark other names of a module, the last argument."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    marks = [call for call in calls if ast.unparse(call.func) == "deprecatedModuleAttribute"]
    return [call for call in marks if isinstance(call.args[-1], ast.Constant)]


def used_in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that a source takes from the libraries, each with its module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(LIBRARIES):
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "asyncio":
            yield from ((f"asyncio.{part}", node.attr) for part in ("events", "coroutines"))


def test_marks_are_found() -> None:
    assert "AsyncIOLoop" in deprecated_in("tornado.platform.asyncio")
    assert "OrderedDict" in deprecated_in("twisted.python.util")
    assert ("asyncio.events", "get_event_loop_policy") in used_in(
        ast.parse("asyncio.get_event_loop_policy()")
    )


@pytest.mark.parametrize("folder", sorted({path.relative_to(ROOT).parts[0] for path in SOURCES}))
def test_no_deprecated_name_is_used(folder: str) -> None:
    found = [
        f"{path}: {module}.{name}"
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] == folder
        for module, name in used_in(ast.parse(path.read_text("utf-8")))
        if name in deprecated_in(module) and f"{module}.{name}" not in REASONS
    ]
    assert not found
