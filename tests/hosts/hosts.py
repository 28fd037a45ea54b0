"""The hosts: the loops that own the thread, and how a program is run there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from tornado.ioloop import IOLoop

import triloop
from tests.contract.worlds import World
from tests.hosts.loops import EMBEDDERS, LOOPS, OWNERS, gtk, qt_application

__all__ = ["HOSTS", "Host", "Main"]

Main = Callable[[World], Awaitable[object]]


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


def by_owner(name: str, *mains: Main) -> None:
    """Run programs in loops that the host's own program starts."""
    for main in mains:
        OWNERS[name](partial(attached, main))


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
    window = gtk(version)
    from twisted.internet import gireactor

    gireactor.install()
    on_reactor(*mains)
    window.destroy()


def on_tksupport(*mains: Main) -> None:
    import tkinter

    from twisted.internet import tksupport

    root = tkinter.Tk()
    root.update()  # Tk's first idle tasks: it complains of those that find no window any more
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


async def in_loop(main: Main) -> None:
    """Run a program in the loop that ``loop_on`` gives."""
    loop: Any = asyncio.get_running_loop()
    await main(World(loop, IOLoop.current(), loop.reactor))


def by_loop_on(name: str, *mains: Main) -> None:
    for main in mains:
        EMBEDDERS[name](partial(in_loop, main))


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
    "trio_asyncio": Host(
        "trio-asyncio", ("trio-asyncio", "trio"), partial(by_owner, "trio_asyncio")
    ),
    "textual": Host("Textual", ("textual",), partial(by_owner, "textual")),
    "reactor": Host("Twisted's default reactor", ("twisted",), on_reactor),
    "gtk3": Host("gireactor, GTK 3", ("PyGObject",), partial(on_gireactor, "3.0")),
    "gtk4": Host("gireactor, GTK 4", ("PyGObject",), partial(on_gireactor, "4.0")),
    "tksupport": Host("tksupport", ("twisted",), on_tksupport),
    "qreactor": Host("qt-reactor on PySide6", ("qt-reactor", "PySide6-Essentials"), on_qreactor),
    "tk": Host("Tk's mainloop, by loop_on", (), partial(by_loop_on, "tk")),
    "trio": Host("Trio, by loop_on", ("trio",), partial(by_loop_on, "trio")),
    "qt": Host("Qt, by loop_on", ("PySide6-Essentials",), partial(by_loop_on, "qt")),
    "glib": Host("GLib, by loop_on", ("PyGObject",), partial(by_loop_on, "glib")),
}
