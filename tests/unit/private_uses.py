"""Finds the private names that the package uses, and on what, in its source and classes."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "triloop"
#: Documented, in spite of their names: of ``sys``, of named tuples, and what makes an object a
#: future for asyncio (see :func:`asyncio.isfuture`).
PUBLIC = {"_getframe", "_replace", "_asyncio_future_blocking"}
#: Functions that get and set attributes by name.
_BY_NAME = {"getattr", "hasattr", "setattr", "delattr"}


def is_private(name: str) -> bool:
    """Whether a name begins with one underscore."""
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC | {"_"}


def sources() -> list[Path]:
    """The modules of the package that can be imported here."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__main__.py"]


def is_layer(path: Path) -> bool:
    """Whether a module may use private names of other libraries."""
    return PACKAGE / "private" in path.parents


@cache
def module_at(path: Path) -> ModuleType:
    """The module, imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))


@cache
def tree(path: Path) -> ast.Module:
    """The text of a module, parsed."""
    return ast.parse(path.read_text("utf-8"))


def _is_own(node: ast.expr) -> bool:
    """Whether it is ``self``, ``cls`` or ``super()``."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}


def attributes(node: ast.AST) -> Iterator[tuple[ast.expr, str, int]]:
    """Each use of a private attribute: the object, the name and the line."""
    for one in ast.walk(node):
        if isinstance(one, ast.Attribute) and is_private(one.attr):
            yield one.value, one.attr, one.lineno
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and len(one.args) > 1:
            name = one.args[1]
            value = name.value if isinstance(name, ast.Constant) else None
            if one.func.id in _BY_NAME and isinstance(value, str) and is_private(value):
                yield one.args[0], value, one.lineno


def uses_of_others(path: Path) -> Iterator[tuple[str, int]]:
    """The private names that a module uses on anything but ``self``, or imports; and the lines."""
    for node, name, line in attributes(tree(path)):
        if not _is_own(node):
            yield name, line
    for one in ast.walk(tree(path)):
        if isinstance(one, ast.ImportFrom):
            yield from ((name.name, one.lineno) for name in one.names if is_private(name.name))


def classes(path: Path) -> Iterator[tuple[type, ast.ClassDef]]:
    """The classes of a module, with their text."""
    for node in ast.walk(tree(path)):
        kind = getattr(module_at(path), node.name, None) if isinstance(node, ast.ClassDef) else None
        if isinstance(kind, type) and kind.__module__ != "builtins":
            yield kind, node  # type: ignore[misc]  # it is a ClassDef


def names_on_self(node: ast.ClassDef) -> set[str]:
    """The private names that a class uses on itself, or defines."""
    used = {name for of, name, _ in attributes(node) if _is_own(of)}
    return used | {name for name in defined(node) if is_private(name)}


def defined(node: ast.ClassDef) -> Iterator[str]:
    """The names in the body of a class."""
    for one in node.body:
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield one.name
        targets = one.targets if isinstance(one, ast.Assign) else [getattr(one, "target", None)]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


@cache
def names_of(kind: type) -> frozenset[str]:
    """The private names that a class of another library defines, or sets on its instances."""
    names = set(vars(kind))
    try:
        text: Any = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError):
        text = ast.Module([], [])
    names |= {name for of, name, _ in attributes(text) if _is_own(of)}
    return frozenset(filter(is_private, names))


def inherited_names(kind: type) -> set[str]:
    """The private names that a class has from classes of other libraries.

    A mix-in also has those of the classes that it is mixed with.
    """
    mixing: list[type] = type.__subclasses__(kind)
    names: set[str] = set().union(*(inherited_names(one) for one in mixing if _is_ours(one)))
    for base in kind.__mro__:
        if not _is_ours(base) and base is not object:
            names |= names_of(base)
    return names


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "triloop"
