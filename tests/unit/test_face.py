"""The face only re-exports, and the reference documents all names."""

import ast
import importlib.metadata
from pathlib import Path

import pytest

import triloop

ROOT = Path(__file__).parents[2]
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
FACE = ast.parse((ROOT / "triloop" / "__init__.py").read_text(encoding="utf-8"))


def exported() -> list[str]:
    for statement in FACE.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                names: list[str] = ast.literal_eval(value)
                return names
    raise AssertionError("triloop has no __all__")


def test_face_only_re_exports() -> None:
    imports = [one for one in ast.walk(FACE) if isinstance(one, ast.ImportFrom)]
    ours = [one for one in imports if (one.module or "").startswith("triloop")]
    imported = [name.asname or name.name for one in ours for name in one.names]
    assert sorted(imported) == sorted(exported())
    classes_and_functions = [one for one in FACE.body if isinstance(one, DEFINITIONS)]
    assert [one.name for one in classes_and_functions] == ["__getattr__", "__dir__"]


def test_names_say_where_users_find_them() -> None:
    names = set(exported()) - {"Convertible"}
    assert {name: getattr(triloop, name).__module__ for name in names} == dict.fromkeys(
        names, "triloop"
    )


def test_dir_and_version_are_complete() -> None:
    assert {*exported(), "__version__"} <= set(dir(triloop))
    assert triloop.__version__ == importlib.metadata.version("triloop")


def test_what_is_imported_late_is_there() -> None:
    for name in set(exported()) - {"Convertible"}:
        assert getattr(triloop, name).__name__ == name
    with pytest.raises(AttributeError, match="no_such_name"):
        triloop.no_such_name  # noqa: B018 - it is the look-up that is tested


def test_reference_shows_every_name() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    missing = [name for name in exported() if f":: triloop.{name}\n" not in reference]
    assert not missing
