"""Find the application's line that made a call or installed a reactor, for errors and warnings."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

__all__ = ["BY_COMMAND", "caller", "described", "remember", "warn"]

#: What has installed the reactor of a program that the command line runs.
BY_COMMAND = "triloop run"

#: Packages with frames between the application and this one.
_BETWEEN = frozenset({"tornado", "triloop", "twisted", "uvloop"} | sys.stdlib_module_names)
_BETWEEN -= {"__main__"}


def caller() -> str:
    """Name this package's function that was called, and the application's line that called it.

    Returns:
        For example ``triloop.install() at /srv/app.py:12``.
    """
    frame, entry = _application_frame()
    return f"triloop.{entry}() at {frame.f_code.co_filename}:{frame.f_lineno}"


def remember(reactor: Any) -> None:
    """Store on a reactor the call that installs it as the global one."""
    reactor.installed_by = caller()


def warn(message: str) -> None:
    """Issue a RuntimeWarning at the application's line; Python shows it once for each line."""
    frame, _ = _application_frame()
    warnings.warn_explicit(
        message,
        RuntimeWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        _module_of(frame),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _application_frame() -> tuple[FrameType, str]:
    """The innermost frame of the application, and the function of this package that it called."""
    frame: FrameType | None = sys._getframe(1)
    assert frame is not None
    entry = ""
    outermost = frame
    while frame is not None:
        package = _module_of(frame).partition(".")[0]
        if package not in _BETWEEN:
            return frame, entry
        if package == "triloop":
            entry = _called(frame)
        outermost, frame = frame, frame.f_back
    return outermost, entry


def _called(frame: FrameType) -> str:
    """The name of the function of ``frame``; for a constructor, that of the class."""
    name = frame.f_code.co_name
    if name in {"__init__", "initialize"}:
        return type(frame.f_locals["self"]).__name__
    return name


def _module_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def described(reactor: object) -> str:
    """Name the global reactor's class and the line that installed it, where that is known."""
    kind = type(reactor)
    module = kind.__module__ if not kind.__module__.startswith("triloop.") else "triloop"
    origin = _origin(reactor)
    name = f"{module}.{kind.__qualname__}"
    return f"{name}, installed by {origin}," if origin else name


def _origin(reactor: object) -> str | None:
    """Name the line that installed the global reactor, or imported it first.

    For a reactor that this package has installed, the line is known. For another, the modules that
    hold it are searched, in the order of their import; then those that may have imported it in a
    function.

    Returns:
        None where it cannot be known.
    """
    known = getattr(reactor, "installed_by", None)
    if known is not None:
        return str(known)
    modules = [module for module in list(sys.modules.values()) if _may_be_origin(module)]
    holders = [module for module in modules if _holds(module, reactor)]
    lines = [line for line in map(_first_line, holders) if line]
    if lines:
        return lines[0]
    if holders:
        return f"the import of it in {holders[0].__name__}"
    guesses = map(_first_line, sorted(modules, key=_is_library))
    return next((f"what looks like {line}" for line in guesses if line), None)


def _may_be_origin(module: object) -> bool:
    if not isinstance(module, ModuleType):
        return False
    return module.__name__.partition(".")[0] not in _BETWEEN


def _holds(module: ModuleType, reactor: object) -> bool:
    return any(value is reactor for value in list(vars(module).values()))


def _is_library(module: ModuleType) -> bool:
    return "site-packages" in (getattr(module, "__file__", None) or "")


def _first_line(module: ModuleType) -> str | None:
    line = min(_lines(module), default=None)
    return None if line is None else f"{module.__file__}:{line}, in {module.__name__}"


def _lines(module: ModuleType) -> Iterator[int]:
    """The lines of a module that import a reactor's name, or install one."""
    path = getattr(module, "__file__", None)
    if not path or not path.endswith(".py"):
        return
    try:
        source = Path(path).read_text("utf-8")
        if "reactor" not in source:
            return
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if _imports_reactor(node) or _installs_reactor(node):
            yield node.lineno  # type: ignore[attr-defined]  # of a statement or an expression


def _imports_reactor(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(name.name == "twisted.internet.reactor" for name in node.names)
    if isinstance(node, ast.ImportFrom):
        names = {name.name for name in node.names}
        in_package = node.module == "twisted.internet" and "reactor" in names
        return in_package or node.module == "twisted.internet.reactor"
    return False


def _installs_reactor(node: ast.AST) -> bool:
    """``epollreactor.install()``, ``installReactor(...)``, ``install_reactor(...)``."""
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    module, _, name = called.rpartition(".")
    if name in {"installReactor", "install_reactor"}:
        return True
    return name == "install" and module.endswith(("default", "reactor"))
