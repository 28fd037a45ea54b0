"""Runs modules of Scrapy's suite: ``python -m tests.upstream.scrapy_runner KIND RECORD MODULE...``.

KIND is "native", or the loop that a TornadoReactor runs in: "asyncio" or "uvloop".
``TRILOOP_SCRAPY`` names the folder where Scrapy's source distribution is.

Scrapy knows Twisted's asyncio reactor by its path, and in places asks whether a reactor is of that
very class; so do its tests. For ours, both are copied with our path in the place of that one.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

SOURCES = next(Path(os.environ["TRILOOP_SCRAPY"]).glob("scrapy-*/"))
LAST = Path("tests/test_zz_resources.py")
"""What Scrapy's suite ends with: nothing is left behind. Here each module ends with it."""
OPTIONS = [
    *("-q", "--timeout=120", "-m", "not requires_internet"),
    "-Wignore:The scrapy.mail module is deprecated",  # at the import of its own tests
    *("-p", "no:cacheprovider", "-p", "no:triloop", "-p", "scrapy_plugin"),
]

_PATH = ("twisted.internet.asyncioreactor.AsyncioSelectorReactor", "triloop.TornadoReactor")
#: Its tests give each command fifteen seconds, which a busy machine may not have.
_PATIENCE = ("timeout=15,", "timeout=90,")
_MODULE = ("from twisted.internet import asyncioreactor", "import triloop as asyncioreactor")


def checkout(kind: str, folder: Path) -> Path:
    """Copy Scrapy and its tests, which write beside themselves.

    Args:
        kind: Which reactor they are to name.
        folder: Where the copy goes.
    """
    copy = folder / "scrapy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("docs", "*.pyc"))
    _replace(copy / "tests" / "utils" / "cmdline.py", _PATIENCE)
    if kind != "native":
        for path in (copy / "scrapy").rglob("*.py"):
            _replace(path, _PATH)
        for path in (copy / "tests").rglob("*.py"):
            _replace(path, _PATH, _MODULE)
    plugin = "scrapy_plugin.py"
    shutil.copy(Path(__file__).with_name(plugin), copy / plugin)
    return copy


def _replace(path: Path, *replacements: tuple[str, str]) -> None:
    native = ours = path.read_text("utf-8")
    for old, new in replacements:
        ours = ours.replace(old, new)
    if ours != native:
        path.write_text(ours, "utf-8")


def main() -> None:
    kind, record, *modules = sys.argv[1:]
    copy = checkout(kind, Path.cwd())
    os.environ |= {
        "TRILOOP_SCRAPY_KIND": kind,
        "TRILOOP_SCRAPY_RECORD": str(Path(record).resolve()),
        "PYTHONPATH": str(copy),  # and nothing of ours: both have a package named tests
    }
    os.chdir(copy)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *OPTIONS, *modules, str(LAST)])


if __name__ == "__main__":
    main()
