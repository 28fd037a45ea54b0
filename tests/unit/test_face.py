"""The face re-exports, and does nothing else; the reference shows all of it."""

import ast
from pathlib import Path

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
    _docstring, *statements = FACE.body
    imports = [one for one in statements if isinstance(one, ast.ImportFrom)]
    assert len(imports) == len(statements) - 1, "only imports and __all__ belong here"
    assert all((one.module or "").startswith("triloop.") for one in imports)
    imported = [name.asname or name.name for one in imports for name in one.names]
    assert sorted(imported) == sorted(exported())


def test_reference_shows_every_name() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    missing = [name for name in exported() if f":: triloop.{name}\n" not in reference]
    assert not missing
