"""The face re-exports, and does nothing else; the reference shows all of it."""

import ast
from pathlib import Path

import pytest

import triloop

ROOT = Path(__file__).parents[2]
FACE = ast.parse((ROOT / "triloop" / "__init__.py").read_text(encoding="utf-8"))


def exported() -> list[str]:
    for statement in FACE.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                names: list[str] = ast.literal_eval(value)
                return names
    raise AssertionError("triloop has no __all__")


def test_face_only_re_exports() -> None:
    _docstring, typing, *statements = FACE.body
    assert isinstance(typing, ast.ImportFrom)
    assert typing.module == "typing"
    late = [one for one in statements if isinstance(one, ast.If)]
    imports = [one for one in statements if isinstance(one, ast.ImportFrom)]
    assert len(imports) == len(statements) - 3, "only imports and how the late ones are made"
    for block in late:
        imports += [one for one in block.body if isinstance(one, ast.ImportFrom)]
    assert all((one.module or "").startswith("triloop.") for one in imports)
    imported = [name.asname or name.name for one in imports for name in one.names]
    assert sorted(imported) == sorted(exported())


def test_what_is_imported_late_is_there() -> None:
    for name in set(exported()) - {"Convertible"}:
        assert getattr(triloop, name).__name__ == name
    with pytest.raises(AttributeError, match="no_such_name"):
        triloop.no_such_name  # noqa: B018 - it is the look-up that is tested


def test_reference_shows_every_name() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    missing = [name for name in exported() if f":: triloop.{name}\n" not in reference]
    assert not missing
