"""The program of ``triloop run`` as ``__main__``, as the interpreter itself runs one."""

from __future__ import annotations

import builtins
import importlib.util
import sys
import zipfile
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, NoReturn

__all__ = ["run_module", "run_script"]

#: As ``python`` does where there is no such script.
_NO_FILE = 2


def run_script(path: str, arguments: list[str]) -> None:
    """Run a script, a folder or archive with a ``__main__``, or ``-``, the standard input.

    Args:
        path: Where it is.
        arguments: Its own arguments.

    Raises:
        SystemExit: There is no such file; or the program exits.
        BaseException: What the program raises. If it reaches the top, the traceback that is
            printed begins with the program's own frames.
    """
    sys.argv = [path, *arguments]
    if path == "-":
        _set_first_path("")
        _run(lambda: (compile(sys.stdin.read(), "<stdin>", "exec", dont_inherit=True), {}))
        return
    place = Path(path).absolute()
    if place.is_dir() or zipfile.is_zipfile(place):
        sys.path.insert(0, str(place))
        spec = PathFinder.find_spec("__main__", [str(place)])
        if spec is None:
            _fail(f"can't find '__main__' module in {path!r}")
        _run(lambda: _loaded(spec))
        return
    _set_first_path(str(place.resolve().parent))
    _run(lambda: _read(path, place))


def run_module(name: str, arguments: list[str]) -> None:
    """Run a module, or a package that has a ``__main__``, as ``python -m`` does.

    Args:
        name: Its dotted name.
        arguments: Its own arguments.

    Raises:
        SystemExit, BaseException: As from :func:`run_script`.
    """
    sys.argv = ["-m", *arguments]
    _set_first_path(str(Path.cwd()))
    _run(lambda: _found(name))


def _set_first_path(entry: str) -> None:
    """Replace the first entry, which is that of the command ``triloop``, unless there is none."""
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        sys.path[0] = entry


def _fail(text: str, status: int = 1) -> NoReturn:
    print(f"triloop: {text}", file=sys.stderr)  # noqa: T201 - as `python` does
    raise SystemExit(status)


def _read(path: str, place: Path) -> tuple[CodeType | None, dict[str, Any]]:
    """The code of a script, and the globals that it begins with."""
    if place.suffix in BYTECODE_SUFFIXES:
        compiled = SourcelessFileLoader("__main__", str(place))
        return compiled.get_code("__main__"), {"__file__": str(place), "__loader__": compiled}
    loader = SourceFileLoader("__main__", str(place))
    try:
        source = loader.get_data(str(place))
    except OSError as error:
        name = str(error.filename)
        _fail(f"can't open file {name!r}: [Errno {error.errno}] {error.strerror}", _NO_FILE)
    code = loader.source_to_code(source, str(place))  # get_code() would keep the bytecode
    return code, {"__file__": str(place), "__loader__": loader, "__cached__": None}


def _found(name: str) -> tuple[CodeType | None, dict[str, Any]]:
    """The code of a module or a package's ``__main__``, and its globals."""
    spec = _spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = _spec(f"{name}.__main__")
        if spec is None:
            _fail(f"{name!r} is a package without a __main__, so it cannot be run")
    if spec is None:
        _fail(f"No module named {name}")
    return _loaded(spec)


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError as missing:
        if not name.startswith(f"{missing.name}."):
            raise  # a package above it imports something else that is missing
        return None


def _loaded(spec: ModuleSpec) -> tuple[CodeType | None, dict[str, Any]]:
    loader: Any = spec.loader
    sys.argv[0] = spec.origin or spec.name if spec.name != "__main__" else sys.argv[0]
    return loader.get_code(spec.name), {
        "__file__": spec.origin,
        "__cached__": spec.cached,
        "__loader__": loader,
        "__package__": spec.parent,
        "__spec__": spec,
    }


def _run(find: Any) -> None:
    """Make the module ``__main__``, and run its code in it.

    It stays there: threads and exit handlers of the program may need it later, to pickle.
    """
    main = ModuleType("__main__")
    namespace = vars(main)
    namespace["__builtins__"] = builtins
    try:
        code, names = find()
        namespace.update(names)
        sys.modules["__main__"] = main
        exec(code, namespace)
    except SystemExit:
        raise
    except BaseException as problem:
        _hide_frames_above(problem)
        raise


def _hide_frames_above(problem: BaseException) -> None:
    """Have the interpreter print a traceback of the program's frames only."""
    hook, own = sys.excepthook, problem.__traceback__
    while own is not None and _is_above(own):
        own = own.tb_next

    def show(
        kind: type[BaseException], value: BaseException, traceback: TracebackType | None
    ) -> None:
        if value is problem:
            hook(kind, value.with_traceback(own), own)
        else:
            hook(kind, value, traceback)

    sys.excepthook = show


def _is_above(traceback: TracebackType) -> bool:
    file = traceback.tb_frame.f_code.co_filename
    return file == __file__ or file.startswith("<frozen importlib")
