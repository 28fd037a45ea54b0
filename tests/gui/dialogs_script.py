"""Opens a dialog from a callback of each kind, and reports what goes on while it is open.

Usage: ``dialogs_script.py WORLD`` with a name of WORLDS. It prints a line for each callback in
whose dialog something stops that should go on, or the other way round. A dialog is closed when all
that should go on has done so for a while.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from twisted.internet.protocol import Factory, Protocol

import triloop

#: Seconds between two ticks of a timer, and between two echoes.
TICK = 0.005
#: How often something has to happen in a dialog to count as going on.
ENOUGH = 10
#: Seconds until a dialog is closed in any case.
PATIENCE = 10.0

Calls = Callable[[], object]


OPENERS = ("callFromThread", "callLater", "dataReceived", "call_soon", "a task", "the GUI")


@dataclass
class Gui:
    """The functions of a GUI."""

    #: Opens a dialog and runs the GUI's own loop in it, until its argument returns true.
    dialog: Callable[[Callable[[], bool]], object]
    #: Makes the GUI call a function as soon as possible.
    soon: Callable[[Calls], object]


@dataclass
class World:
    """A GUI, a reactor and an asyncio loop in one thread."""

    gui: Gui
    reactor: Any
    loop: asyncio.AbstractEventLoop
    #: What goes on in a dialog, by the callback that has opened it.
    goes_on: dict[str, set[str]]
    #: The callbacks whose dialogs stop asyncio: its own, where it runs in a reactor.
    stopping: tuple[str, ...] = ()


ALL = {"echoes", "twisted", "asyncio"}
#: A TornadoReactor goes on in every dialog, and so does the asyncio loop that it runs in.
GUEST_REACTOR = dict.fromkeys(OPENERS, ALL)
#: Twisted's own timers may wait for the end of a dialog that one of them has opened.
TWISTEDS = {
    **GUEST_REACTOR,
    "callFromThread": {"echoes", "asyncio"},
    "callLater": {"echoes", "asyncio"},
}
#: And so may a loop that runs in the reactor: it gets many of its turns from a timer.
GUEST_LOOP = {
    **GUEST_REACTOR,
    "callFromThread": {"echoes"},
    "callLater": {"echoes"},
    "call_soon": {"echoes"},
    "a task": {"echoes"},
}
#: PyGObject's asyncio loop does not run within its own callbacks, and with it all that is in it.
NOT_NESTED = {**{opener: set() for opener in OPENERS}, "the GUI": ALL}


def qt() -> tuple[Gui, Any]:
    """Qt without a screen; its asyncio loop is qasync's."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QDialog
    from qasync import QEventLoop  # after PySide6: it takes the binding that is there

    app = QApplication([])
    app.setQuitOnLastWindowClosed(False)

    def dialog(over: Callable[[], bool]) -> None:
        shown = QDialog()
        timer = QTimer()
        timer.timeout.connect(lambda: shown.accept() if over() else None)
        timer.start(int(TICK * 1000))
        shown.exec()
        timer.stop()

    return Gui(dialog, lambda call: QTimer.singleShot(0, call)), QEventLoop(app)


def gtk() -> Gui:
    """GTK 3, on the present screen."""
    import gi

    gi.require_version("Gtk", "3.0")
    from gi.repository import GLib, Gtk

    def dialog(over: Callable[[], bool]) -> None:
        shown = Gtk.Dialog()

        def look() -> bool:
            if over():
                shown.response(Gtk.ResponseType.OK)
                return False
            return True

        GLib.timeout_add(int(TICK * 1000), look)
        shown.run()
        shown.destroy()

    def soon(call: Calls) -> None:
        GLib.idle_add(lambda: call() and None)  # None: not again

    return Gui(dialog, soon)


def gtk4() -> Gui:
    """GTK 4, whose dialogs have no loop of their own: the program runs one."""
    import gi

    gi.require_version("Gtk", "4.0")
    from gi.repository import GLib, Gtk

    def dialog(over: Callable[[], bool]) -> None:
        shown = Gtk.Window(modal=True)
        shown.present()
        nested = GLib.MainLoop()

        def look() -> bool:
            if over():
                nested.quit()
                return False
            return True

        GLib.timeout_add(int(TICK * 1000), look)
        nested.run()
        shown.destroy()

    return Gui(dialog, lambda call: GLib.idle_add(lambda: call() and None))


def reactor_on_qt() -> World:
    """A TornadoReactor inside qasync's loop."""
    gui, loop = qt()
    asyncio.set_event_loop(loop)
    return World(gui, triloop.install(loop), loop, GUEST_REACTOR)


def twisteds_on_qt() -> World:
    """Twisted's own reactor inside qasync's loop: the oracle."""
    from twisted.internet import asyncioreactor

    gui, loop = qt()
    asyncioreactor.install(loop)
    from twisted.internet import reactor

    return World(gui, reactor, loop, TWISTEDS)


def loop_on_qt() -> World:
    """A TwistedIOLoop inside Twisted's own reactor inside qasync's loop."""
    world = twisteds_on_qt()
    loop = triloop.TwistedIOLoop(world.reactor).install().asyncio_loop
    return replace(world, loop=loop, goes_on=GUEST_LOOP, stopping=("call_soon", "a task"))


def reactor_on_gtk() -> World:
    """A TornadoReactor inside PyGObject's own asyncio loop."""
    gui = gtk()
    from gi.events import GLibEventLoop
    from gi.repository import GLib

    loop = GLibEventLoop(GLib.MainContext.default())
    return World(gui, triloop.install(loop), loop, NOT_NESTED)


def loop_on_gtk() -> World:
    """A TwistedIOLoop inside Twisted's GTK 3 reactor."""
    from twisted.internet import gtk3reactor

    gui = gtk()
    gtk3reactor.install()
    from twisted.internet import reactor

    loop = triloop.TwistedIOLoop(reactor).install().asyncio_loop
    return World(gui, reactor, loop, GUEST_LOOP, stopping=("call_soon", "a task"))


def loop_on_gtk4() -> World:
    """A TwistedIOLoop inside Twisted's reactor for GLib, with GTK 4."""
    from twisted.internet import gireactor

    gui = gtk4()
    gireactor.install()
    from twisted.internet import reactor

    loop = triloop.TwistedIOLoop(reactor).install().asyncio_loop
    return World(gui, reactor, loop, GUEST_LOOP, stopping=("call_soon", "a task"))


WORLDS = {
    world.__name__: world
    for world in (
        reactor_on_qt,
        twisteds_on_qt,
        loop_on_qt,
        reactor_on_gtk,
        loop_on_gtk,
        loop_on_gtk4,
    )
}


class Echo(Protocol):
    """Twisted's side: an echo; one word opens a dialog instead."""

    transport: Any

    def __init__(self, asked: Calls) -> None:
        self.asked = asked

    def dataReceived(self, data: bytes) -> None:
        if data == b"ask":
            self.asked()
        else:
            self.transport.write(data)


class Show:
    """A world, and everything that happens in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.counts = {"echoes": 0, "twisted": 0, "asyncio": 0}
        self.wanted: set[str] = set()
        self.result: dict[str, int] = {}
        self.closed = threading.Event()
        factory = Factory.forProtocol(partial(Echo, self.open))
        self.port = world.reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port

    def tick(self) -> None:
        self.counts["twisted"] += 1
        self.world.reactor.callLater(TICK, self.tick)

    def asyncio_tick(self) -> None:
        self.counts["asyncio"] += 1
        self.world.loop.call_later(TICK, self.asyncio_tick)

    def echo(self) -> None:
        """The peer, in a thread of its own."""
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            while sock.send(b"x") and sock.recv(1):
                self.counts["echoes"] += 1
                time.sleep(TICK)

    def open(self) -> None:
        before = dict(self.counts)
        end = time.monotonic() + PATIENCE

        def counted() -> dict[str, int]:
            return {name: count - before[name] for name, count in self.counts.items()}

        def over() -> bool:
            counts = counted()
            goes_on = all(counts[name] >= ENOUGH for name in self.wanted)
            return goes_on or time.monotonic() > end

        self.world.gui.dialog(over)
        self.result = counted()
        self.closed.set()

    def direct(self) -> None:
        """Open one dialog after the other, from a callback of each kind; runs in a thread."""
        for name, opener in self.openers().items():
            self.wanted = self.world.goes_on[name]
            before = self.counts["asyncio"]
            while self.counts["asyncio"] == before:  # asyncio goes on after the dialog before
                time.sleep(TICK)
            self.closed.clear()
            opener()
            if not self.closed.wait(2 * PATIENCE):
                tell(f"{name}: no dialog was opened, or it was never closed")
            elif not self.is_right(name):
                tell(f"{name}: got {self.result}; should go on: {sorted(self.wanted)}")
        self.world.reactor.callFromThread(self.world.reactor.stop)

    def is_right(self, name: str) -> bool:
        goes_on = all(self.result[wanted] >= ENOUGH for wanted in self.wanted)
        return goes_on and not (name in self.world.stopping and self.result["asyncio"])

    def openers(self) -> dict[str, Calls]:
        world, call = self.world, self.world.reactor.callFromThread

        async def task() -> None:
            world.loop.call_soon(self.open)  # within the task, no other could go on

        peer = socket.create_connection(("127.0.0.1", self.port))
        ways: tuple[Calls, ...] = (
            lambda: call(self.open),
            lambda: call(world.reactor.callLater, 0.01, self.open),
            lambda: peer.send(b"ask"),
            lambda: world.loop.call_soon_threadsafe(self.open),
            lambda: asyncio.run_coroutine_threadsafe(task(), world.loop),
            lambda: call(world.gui.soon, self.open),
        )
        return dict(zip(OPENERS, ways, strict=True))

    def begin(self) -> None:
        self.tick()
        self.world.loop.call_soon(self.asyncio_tick)
        for work in (self.echo, self.direct):
            threading.Thread(target=work, daemon=True).start()


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    logging.basicConfig()
    world = WORLDS[sys.argv[1]]()
    show = Show(world)
    world.reactor.callWhenRunning(show.begin)
    world.reactor.run()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # PySide may crash when the interpreter exits
