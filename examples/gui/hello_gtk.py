"""GTK owns the thread, through Twisted's reactor for it; asyncio and Tornado run inside."""

from __future__ import annotations

import asyncio

import gi

gi.require_version("Gtk", "4.0")

from twisted.internet import gireactor

reactor = gireactor.install()

from gi.repository import Gtk

import triloop


async def count() -> None:
    """Count down, by asyncio; then close the window."""
    for number in (3, 2, 1):
        label.set_text(str(number))
        await asyncio.sleep(0.1)
    window.close()


loop = triloop.TwistedIOLoop(reactor).install()
label = Gtk.Label()
window = Gtk.Window(child=label)
window.connect("close-request", lambda _: reactor.stop())
window.present()
loop.asyncio_loop.create_task(count())
loop.call_later(0.1, print, "Tornado's timer")
reactor.callLater(0.2, print, "Twisted's timer")
reactor.run()
