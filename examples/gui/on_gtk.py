"""GTK, by gireactor: ``python on_gtk.py PORT`` shows the lines that it receives; "bye" ends it."""

from __future__ import annotations

import asyncio
import sys

import gi

gi.require_version("Gtk", "4.0")  # or 3.0; then show_all() in place of present()

from twisted.internet import gireactor

reactor = gireactor.install()

from gi.repository import Gtk
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver

import triloop


class Lines(LineReceiver):
    """Twisted's part: it shows each line in the window."""

    delimiter = b"\n"

    def lineReceived(self, line: bytes) -> None:
        """Show it, and answer."""
        self.sendLine(b"shown")
        label.set_text(line.decode())
        if line == b"bye":
            window.close()


async def count() -> None:
    """Count the seconds: the part of asyncio the seconds."""
    seconds = 0
    while True:
        window.set_title(f"{seconds} s")
        await asyncio.sleep(1)
        seconds += 1


label = Gtk.Label(label="no line yet")
window = Gtk.Window(child=label)
window.connect("close-request", lambda _: reactor.stop())
window.present()

loop = triloop.new_event_loop(reactor)
loop.create_task(count())  # reactor.stop() cancels it
reactor.listenTCP(int(sys.argv[1]), Factory.forProtocol(Lines), interface="127.0.0.1")
reactor.run()
loop.close()
