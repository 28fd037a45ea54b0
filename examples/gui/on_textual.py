"""Textual: ``python on_textual.py PORT`` shows the lines that it receives; "bye" ends it."""

from __future__ import annotations

import asyncio
import sys

from textual.app import App, ComposeResult
from textual.widgets import Header, Label
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver

import triloop


class Lines(LineReceiver):
    """Twisted's part: it shows each line in the terminal."""

    delimiter = b"\n"

    def __init__(self, app: LinesApp) -> None:
        self.app = app

    def lineReceived(self, line: bytes) -> None:
        """Show it, and answer."""
        self.sendLine(b"shown")
        self.app.query_one(Label).update(line.decode())
        if line == b"bye":
            self.app.exit()


class LinesApp(App):
    """Textual's part, and asyncio's: both run in the loop that Textual starts."""

    def compose(self) -> ComposeResult:
        """Show a title and a line."""
        yield Header()
        yield Label("no line yet")

    def on_mount(self) -> None:
        """Begin."""
        self.run_worker(self.serve())

    async def serve(self) -> None:
        """Receive lines, and count the seconds."""
        async with triloop.attached() as reactor:
            factory = Factory.forProtocol(lambda: Lines(self))
            reactor.listenTCP(int(sys.argv[1]), factory, interface="127.0.0.1")
            seconds = 0
            while True:
                self.title = f"{seconds} s"
                await asyncio.sleep(1)
                seconds += 1


LinesApp().run()
