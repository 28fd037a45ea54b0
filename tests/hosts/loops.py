"""The loops of the hosts, for the table and for the contract tests.

A host's loop is made by a function, or a reactor is; or the host's own program starts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import triloop
from tests.hosts.own_hosts import GLibHost, QtHost

__all__ = ["EMBEDDERS", "LOOPS", "OWNERS", "REACTORS", "example", "gtk", "qt_application"]

Main = Callable[[], Coroutine[Any, Any, Any]]
EXAMPLES = Path(__file__).parents[2] / "examples" / "hosts"


@cache
def qt_application(binding: str) -> Any:
    """The application of Qt, with a window, but without a screen; a process has one.

    Args:
        binding: The package: PySide6 or PyQt6.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    widgets = importlib.import_module(f"{binding}.QtWidgets")
    application = widgets.QApplication([])
    application.setQuitOnLastWindowClosed(False)
    application.window = widgets.QLabel("triloop")
    application.window.show()
    return application


def _qasync(binding: str) -> Any:
    application = qt_application(binding)
    import qasync  # it takes the binding that is there

    return qasync.QEventLoop(application)


def _gi_events() -> Any:
    from gi.events import GLibEventLoop
    from gi.repository import GLib

    return GLibEventLoop(GLib.MainContext.default())


#: The asyncio loops that a function makes.
LOOPS: dict[str, Callable[[], Any]] = {
    "thread": asyncio.new_event_loop,
    "qasync_pyside6": partial(_qasync, "PySide6"),
    "qasync_pyqt6": partial(_qasync, "PyQt6"),
    "gi_events": _gi_events,
}


@cache
def gtk(version: str) -> Any:
    """GTK, with a window on the screen; a process has one version of it."""
    import gi

    os.environ.setdefault("GTK_A11Y", "none")  # there is no session bus
    gi.require_version("Gtk", version)
    from gi.repository import Gtk

    Gtk.init() if version == "4.0" else Gtk.init([])
    window = Gtk.Window(title="triloop")
    window.present()
    return window


def _gireactor(version: str) -> Any:
    gtk(version)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls what PyGObject has deprecated
        from twisted.internet.gireactor import GIReactor

    return GIReactor(useGtk=False)


def _qreactor() -> Any:
    qt_application("PySide6")
    os.environ["QT_API"] = "pyside6"
    import qreactor

    return qreactor.QtReactor()


#: The reactors of Twisted's kind that a function makes.
REACTORS: dict[str, Callable[[], Any]] = {
    "gtk3": partial(_gireactor, "3.0"),
    "gtk4": partial(_gireactor, "4.0"),
    "qreactor": _qreactor,
}


def _trio_asyncio(main: Main) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses what asyncio has deprecated
        import trio_asyncio

    with ungrouped():
        return trio_asyncio.run(trio_asyncio.aio_as_trio(main))


@contextlib.contextmanager
def ungrouped() -> Iterator[None]:
    """Raise an error alone that leaves Trio as a group of one."""
    try:
        yield
    except BaseException as problem:  # noqa: BLE001 - raised again
        alone: Any = problem
        while len(getattr(alone, "exceptions", ())) == 1:
            (alone,) = alone.exceptions
        raise alone from None


def _textual(main: Main) -> Any:
    from textual.app import App

    class Program(App[None]):  # type: ignore[misc]
        async def on_mount(self) -> None:
            self.run_worker(self.work(), exit_on_error=False)

        async def work(self) -> None:
            try:
                results.append(await main())
            except BaseException as problem:
                problems.append(problem)
                raise
            finally:
                self.exit()

    results: list[object] = []
    problems: list[BaseException] = []
    Program().run(headless=True)
    if problems:
        raise problems[0]
    return results[0]


def example(name: str) -> Any:
    """A module of ``examples/hosts``."""
    if str(EXAMPLES) not in sys.path:
        sys.path.insert(0, str(EXAMPLES))
    return importlib.import_module(name)


def _run_on(host: Any, run: Callable[[], object], main: Main) -> Any:
    """Run a coroutine function in a loop on a host, whose own loop ``run`` runs."""
    with host, triloop.loop_on(host) as loop:
        task = loop.create_task(main())
        task.add_done_callback(lambda _: host.quit())
        run()
    return task.result()


def _tk(main: Main) -> Any:
    import tkinter

    root = tkinter.Tk()
    root.update()  # Tk's first idle tasks: it complains of those that find no window any more
    try:
        return _run_on(example("on_tk").TkHost(root), root.mainloop, main)
    finally:
        root.destroy()


def _trio(main: Main) -> Any:
    import trio

    async def whole() -> Any:
        done = trio.Event()
        async with trio.open_nursery() as nursery:
            with example("on_trio").TrioHost(nursery) as host, triloop.loop_on(host) as loop:
                task = loop.create_task(main())
                task.add_done_callback(lambda _: done.set())
                await done.wait()
        return task.result()

    with ungrouped():
        return trio.run(whole)


def _qt(main: Main) -> Any:
    application = qt_application("PySide6")
    return _run_on(QtHost(application), application.exec, main)


def _glib(main: Main) -> Any:
    from gi.repository import GLib

    main_loop = GLib.MainLoop()
    return _run_on(GLibHost(main_loop), main_loop.run, main)


#: The programs that start an asyncio loop of their own: each runs a coroutine function in it.
OWNERS: dict[str, Callable[[Main], Any]] = {"trio_asyncio": _trio_asyncio, "textual": _textual}
#: The same for hosts of an application's own: the loop is on a reactor, ``loop.reactor``.
EMBEDDERS: dict[str, Callable[[Main], Any]] = {
    "tk": _tk,
    "trio": _trio,
    "qt": _qt,
    "glib": _glib,
}
