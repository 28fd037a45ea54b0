"""The hosts: the loops that own the thread, and how a program is run there."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tornado.ioloop import IOLoop

import triloop
from tests.contract.worlds import World
from tests.hosts.loops import LOOPS, qt_application

__all__ = ["HOSTS", "Host", "Main"]

Main = Callable[[World], Awaitable[object]]
EXAMPLES = Path(__file__).parents[2] / "examples" / "hosts"


@dataclass(frozen=True)
class Host:
    """A row of the table."""

    #: As the documentation calls it.
    title: str
    #: The packages whose versions the row shows.
    packages: tuple[str, ...]
    #: Runs programs in this host, one after the other, and ends what it has begun.
    run: Callable[..., None]


async def attached(main: Main) -> None:
    """Run a program in the running asyncio loop, with a TornadoReactor."""
    async with triloop.attached() as reactor:
        await main(World(asyncio.get_running_loop(), IOLoop.current(), reactor))


def by_factory(factory: Callable[[], Any], *mains: Main) -> None:
    """Run programs in asyncio loops."""
    for main in mains:
        triloop.run(attached(main), loop_factory=factory)


def on_uvloop(*mains: Main) -> None:
    import uvloop

    by_factory(uvloop.new_event_loop, *mains)


def in_thread(*mains: Main) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(by_factory, asyncio.new_event_loop, *mains).result()


def on_trio_asyncio(*mains: Main) -> None:
    import trio_asyncio

    with ungrouped():
        for main in mains:
            trio_asyncio.run(trio_asyncio.aio_as_trio(attached), main)


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


def on_textual(*mains: Main) -> None:
    from textual.app import App

    class Program(App[None]):  # type: ignore[misc]
        def __init__(self, main: Main) -> None:
            super().__init__()
            self.main = main

        async def on_mount(self) -> None:
            self.run_worker(self.work(), exit_on_error=False)

        async def work(self) -> None:
            try:
                await attached(self.main)
            except BaseException as problem:
                problems.append(problem)
                raise
            finally:
                self.exit()

    problems: list[BaseException] = []
    for main in mains:
        Program(main).run(headless=True)
        if problems:
            raise problems[0]


# Reactors of Twisted's own, with asyncio and Tornado inside


def on_reactor(*mains: Main) -> None:
    """Run programs in the global reactor; the last one until ``reactor.stop()``."""
    from twisted.internet import reactor

    io_loop: Any = triloop.TwistedIOLoop(reactor).install()
    loop = io_loop.asyncio_loop
    world = World(loop, io_loop, reactor)
    for main in mains[:-1]:
        loop.run_until_complete(main(world))
    task = loop.create_task(mains[-1](world))
    task.add_done_callback(lambda _: reactor.stop() if reactor.running else None)
    reactor.run()
    io_loop.close()
    task.result()


def on_gireactor(version: str, *mains: Main) -> None:
    import gi

    os.environ.setdefault("GTK_A11Y", "none")  # there is no session bus
    gi.require_version("Gtk", version)
    from gi.repository import Gtk
    from twisted.internet import gireactor

    gireactor.install()
    Gtk.init() if version == "4.0" else Gtk.init([])
    window = Gtk.Window(title="triloop")
    window.present()
    on_reactor(*mains)
    window.destroy()


def on_tksupport(*mains: Main) -> None:
    import tkinter

    from twisted.internet import tksupport

    root = tkinter.Tk()
    tksupport.install(root)
    try:
        on_reactor(*mains)
    finally:
        root.destroy()


def on_qreactor(*mains: Main) -> None:
    qt_application("PySide6")
    os.environ["QT_API"] = "pyside6"
    import qreactor

    qreactor.install()
    on_reactor(*mains)


# Hosts of the application's own


def example(name: str) -> Any:
    """A module of ``examples/hosts``."""
    sys.path.insert(0, str(EXAMPLES))
    return importlib.import_module(name)


async def in_loop(main: Main, loop: Any) -> None:
    """Run a program in the loop that ``loop_on`` gives."""
    await main(World(loop, IOLoop.current(), loop.reactor))


def on_tk(*mains: Main) -> None:
    import tkinter

    for main in mains:
        root = tkinter.Tk()
        with example("on_tk").TkHost(root) as host, triloop.loop_on(host) as loop:
            task = loop.create_task(in_loop(main, loop))
            task.add_done_callback(lambda _: host.quit())
            root.mainloop()
        root.update()  # Tk reports what is left to be drawn after the end
        root.destroy()
        task.result()


def on_trio(*mains: Main) -> None:
    import trio

    async def whole(main: Main) -> None:
        done = trio.Event()
        async with trio.open_nursery() as nursery:
            with example("on_trio").TrioHost(nursery) as host, triloop.loop_on(host) as loop:
                task = loop.create_task(in_loop(main, loop))
                task.add_done_callback(lambda _: done.set())
                await done.wait()
        task.result()

    with ungrouped():
        for main in mains:
            trio.run(whole, main)


HOSTS = {
    "asyncio": Host("asyncio", (), partial(by_factory, asyncio.new_event_loop)),
    "uvloop": Host("uvloop", ("uvloop",), on_uvloop),
    "thread": Host("asyncio, in a thread", (), in_thread),
    "qasync_pyside6": Host(
        "qasync on PySide6",
        ("qasync", "PySide6-Essentials"),
        partial(by_factory, LOOPS["qasync_pyside6"]),
    ),
    "qasync_pyqt6": Host(
        "qasync on PyQt6", ("qasync", "PyQt6"), partial(by_factory, LOOPS["qasync_pyqt6"])
    ),
    "gi_events": Host(
        "PyGObject's gi.events", ("PyGObject",), partial(by_factory, LOOPS["gi_events"])
    ),
    "trio_asyncio": Host("trio-asyncio", ("trio-asyncio", "trio"), on_trio_asyncio),
    "textual": Host("Textual", ("textual",), on_textual),
    "reactor": Host("Twisted's default reactor", ("twisted",), on_reactor),
    "gtk3": Host("gireactor, GTK 3", ("PyGObject",), partial(on_gireactor, "3.0")),
    "gtk4": Host("gireactor, GTK 4", ("PyGObject",), partial(on_gireactor, "4.0")),
    "tksupport": Host("tksupport", ("twisted",), on_tksupport),
    "qreactor": Host("qt-reactor on PySide6", ("qt-reactor", "PySide6-Essentials"), on_qreactor),
    "tk": Host("Tk's mainloop, by loop_on", (), on_tk),
    "trio": Host("Trio, by loop_on", ("trio",), on_trio),
}
