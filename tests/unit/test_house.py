"""The package as a whole: short files and functions, no import circles, mirrored directions."""

from __future__ import annotations

import ast
import graphlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "triloop"

#: Lines that a file, and nine of ten functions, may have at the most.
FILE_LINES = 400
FUNCTION_LINES = 20
#: The modules that both directions have, each for the same role.
ROLES = {"contexts", "guest", "host", "life", "names", "poller", "streams"}
#: The only modules that set or replace attributes of other objects by name, and of which.
REPLACERS = {
    "triloop.adapters.asyncio_in_twisted.life": "the wrapper around a host reactor, for its life",
    "triloop.lifecycle.fork.descriptors": "an inherited kqueue, in a child",
    "triloop.lifecycle.fork.loops": "an inherited uvloop, in a child",
    "triloop.lifecycle.fork.reactors": "a reactor that cannot be used in a child",
    "triloop.private.inherited_loop": "an inherited transport, in a child",
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def name_of(path: Path) -> str:
    """The dotted name of a module of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_files_are_short() -> None:
    files = [*modules(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {name: count for name, count in lines.items() if count > FILE_LINES} == {}


def test_functions_are_short() -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    lengths = sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, functions)
    )
    assert lengths[len(lengths) * 9 // 10] <= FUNCTION_LINES


def docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    if ast.get_docstring(function) is None or first.end_lineno is None:
        return 0
    return first.end_lineno - first.lineno + 1


def imports(path: Path) -> Iterator[str]:
    """All modules of the package that a module imports, also late or for type checking only."""
    known = {name_of(one) for one in modules()}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            submodules = {f"{node.module}.{name.name}" for name in node.names} & known
            yield from submodules or {node.module}


def test_no_imports_in_a_circle() -> None:
    graph = {name_of(path): set(imports(path)) - {name_of(path)} for path in modules()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as circle:
        pytest.fail(f"imported in a circle: {' -> '.join(circle.args[1])}", pytrace=False)


def test_directions_have_the_same_modules() -> None:
    folders = [PACKAGE / "adapters" / way for way in ("twisted_in_asyncio", "asyncio_in_twisted")]
    names = [{path.stem for path in folder.glob("*.py")} for folder in folders]
    assert set.intersection(*names) - {"__init__"} == ROLES


def replaces_by_name(node: ast.AST) -> bool:
    """``setattr(other, ...)``, ``delattr(other, ...)`` or ``vars(other).update(...)``."""
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    return (
        called in {"setattr", "delattr"}
        or re.fullmatch(r"vars\((?!self\)).*\)\.update", called) is not None
    )


def test_methods_of_others_are_replaced_in_few_places() -> None:
    found = {name_of(p) for p in modules() if any(map(replaces_by_name, ast.walk(tree(p))))}
    assert found == set(REPLACERS)


def test_settings_name_modules_that_exist() -> None:
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    named = set(re.findall(r"\btriloop(?:\.\w+)+", settings))
    assert len(named) > 10
    assert named <= {name_of(path) for path in modules()}


def test_map_has_all_modules() -> None:
    """In docs/architecture.md: those at the top, and those of the two directions."""
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    directions = [PACKAGE / "adapters/twisted_in_asyncio", PACKAGE / "adapters/asyncio_in_twisted"]
    folders = [path.name + "/" for path in PACKAGE.iterdir() if (path / "__init__.py").exists()]
    files = [path.name for folder in (PACKAGE, *directions) for path in folder.glob("[a-z]*.py")]
    assert [name for name in (*folders, *files) if name not in page] == []
