"""The private names of other libraries: all that are used are declared, and they exist."""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.unit.private_uses import (
    PACKAGE,
    classes,
    inherited_names,
    is_layer,
    names_of,
    names_on_self,
    sources,
    tree,
    uses_of_others,
)
from triloop.private.names import NAMES, PrivateName

#: The declared names, without their parameters.
_BARE = {one.name.partition("(")[0] for one in NAMES}
_INHERITED = {one.name.partition("(")[0] for one in NAMES if one.inherited}
_LAYER = [path for path in sources() if is_layer(path)]
_REST = [path for path in sources() if not is_layer(path)]


def _id(one: object) -> str:
    if isinstance(one, PrivateName):
        return f"{one.place}.{one.name.partition('(')[0]}"
    return str(one.relative_to(PACKAGE)) if isinstance(one, Path) else str(one)


def _resolve(place: str) -> Any:
    module, _, kind = place.partition(":")
    found = pytest.importorskip(module)  # pytest-twisted, where a checkout does not have it yet
    return getattr(found, kind) if kind else found


def _parameters(function: Any) -> str | None:
    """The parameters, with ``...`` for each default; None for C code that does not show them."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        return None
    bare = [
        one.replace(
            annotation=one.empty,
            default=one.empty if one.default is one.empty else ...,
            kind=one.POSITIONAL_OR_KEYWORD if one.kind is one.POSITIONAL_ONLY else one.kind,
        )
        for one in signature.parameters.values()
    ]
    shown = signature.replace(parameters=bare, return_annotation=signature.empty)
    return str(shown).replace("Ellipsis", "...").replace(" = ", "=")


def _assigns(holder: Any, name: str) -> bool:
    """Whether a class or a base of it sets an attribute on itself, or a module on any object."""
    if isinstance(holder, ModuleType):
        return f".{name} = " in inspect.getsource(holder)
    return isinstance(holder, type) and any(name in names_of(kind) for kind in holder.__mro__)


@pytest.mark.parametrize("one", NAMES, ids=_id)
def test_name_is_there(one: PrivateName) -> None:
    try:
        holder = _resolve(one.place)
    except AttributeError:
        holder = None
    name, parenthesis, parameters = one.name.partition("(")
    is_there = hasattr(holder, name) or _assigns(holder, name)
    if is_there and parenthesis and hasattr(holder, name):
        is_there = _parameters(getattr(holder, name)) in {None, f"({parameters}"}
    assert is_there == (one.since <= sys.version_info[:2] < one.until)


@pytest.mark.parametrize("path", _REST, ids=_id)
def test_private_attributes_are_used_on_oneself_only(path: Path) -> None:
    assert list(uses_of_others(path)) == []


@pytest.mark.parametrize("path", _REST, ids=_id)
def test_what_is_inherited_is_declared(path: Path) -> None:
    undeclared = {
        name: kind.__name__
        for kind, node in classes(path)
        for name in names_on_self(node) & inherited_names(kind) - _INHERITED
    }
    assert undeclared == {}


@pytest.mark.parametrize("path", _LAYER, ids=_id)
def test_what_the_layer_uses_is_declared(path: Path) -> None:
    own = {node.name for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef)}
    assert {name for name, _ in uses_of_others(path)} - own - _BARE == set()


def test_what_is_declared_is_used() -> None:
    used = set()
    for path in sources():
        used |= {name for name, _ in uses_of_others(path)}
        for kind, node in classes(path):
            used |= names_on_self(node) & inherited_names(kind)
    assert _BARE - used == set()
