"""Hosts as users write them, beside those of ``examples/hosts``: Qt's and GLib's own loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import triloop

__all__ = ["GLibHost", "QtHost"]

Callback = Callable[[], object]


class QtHost(triloop.BaseHost):
    """Qt, by a socket notifier and single-shot timers."""

    nests = True

    def __init__(self, application: Any) -> None:
        from PySide6 import QtCore

        self.application = application
        self.qt = QtCore

    def quit(self) -> None:
        """End the run of the application."""
        self.application.quit()

    def add_reader(self, fd: int, callback: Callback) -> Callback:
        """Call ``callback`` whenever ``fd`` is readable."""
        notifier = self.qt.QSocketNotifier(fd, self.qt.QSocketNotifier.Type.Read)
        notifier.activated.connect(lambda *_: callback())
        return partial(notifier.setEnabled, False)

    def add_timer(self, delay: float, callback: Callback) -> Callback:
        """Call ``callback`` after ``delay`` seconds."""
        timer = self.qt.QTimer(singleShot=True, timerType=self.qt.Qt.TimerType.PreciseTimer)
        timer.timeout.connect(callback)
        timer.start(math.ceil(delay * 1000))
        return partial(timer.stop)


class GLibHost(triloop.BaseHost):
    """GLib's main loop, by its sources."""

    nests = True

    def __init__(self, main_loop: Any) -> None:
        from gi.repository import GLib

        self.main_loop = main_loop
        self.glib = GLib

    def quit(self) -> None:
        """End the main loop."""
        self.main_loop.quit()

    def add_reader(self, fd: int, callback: Callback) -> Callback:
        """Call ``callback`` whenever ``fd`` is readable."""
        glib = self.glib
        source = glib.unix_fd_add_full(
            glib.PRIORITY_DEFAULT, fd, glib.IOCondition.IN, lambda *_: (callback(), True)[1]
        )
        return partial(glib.source_remove, source)

    def add_timer(self, delay: float, callback: Callback) -> Callback:
        """Call ``callback`` after ``delay`` seconds."""
        source = self.glib.timeout_add(math.ceil(delay * 1000), lambda: (callback(), False)[1])
        return partial(self.glib.source_remove, source)
