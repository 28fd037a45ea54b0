"""The asyncio loops of GUIs, each made by one function; the contract tests take them by name."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from functools import cache, partial
from typing import Any

__all__ = ["LOOPS", "qt_application"]


@cache
def qt_application(binding: str) -> Any:
    """The application of Qt, without a screen; a process has one.

    Args:
        binding: The package: PySide6 or PyQt6.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = importlib.import_module(f"{binding}.QtWidgets").QApplication([])
    application.setQuitOnLastWindowClosed(False)
    return application


def _qasync(binding: str) -> Any:
    application = qt_application(binding)
    import qasync  # it takes the binding that is there

    return qasync.QEventLoop(application)


def _gi_events() -> Any:
    from gi.events import GLibEventLoop
    from gi.repository import GLib

    return GLibEventLoop(GLib.MainContext.default())


LOOPS: dict[str, Callable[[], Any]] = {
    "qasync_pyside6": partial(_qasync, "PySide6"),
    "qasync_pyqt6": partial(_qasync, "PyQt6"),
    "gi_events": _gi_events,
}
