"""Qt, by qasync: ``python on_qt.py PORT`` shows the lines that it receives; "bye" ends it."""

from __future__ import annotations

import asyncio
import sys

from PySide6.QtWidgets import QApplication, QLabel
from qasync import QEventLoop
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver

import triloop


class Lines(LineReceiver):
    """Twisted's part: it shows each line in the window."""

    delimiter = b"\n"

    def __init__(self, window: QLabel) -> None:
        self.window = window

    def lineReceived(self, line: bytes) -> None:
        """Show it, and answer."""
        self.sendLine(b"shown")
        self.window.setText(line.decode())
        if line == b"bye":
            self.window.close()


class Window(QLabel):
    """Qt's part."""

    def __init__(self) -> None:
        super().__init__("no line yet")
        self.closed = asyncio.Event()

    def closeEvent(self, event: object) -> None:
        """Tell main() of the end."""
        self.closed.set()


async def count(window: Window) -> None:
    """Count the seconds: the part of asyncio the seconds."""
    seconds = 0
    while True:
        window.setWindowTitle(f"{seconds} s")
        await asyncio.sleep(1)
        seconds += 1


async def main(port: int) -> None:
    """Run until the window is closed."""
    from twisted.internet import reactor

    window = Window()
    window.show()
    counting = asyncio.create_task(count(window))
    reactor.listenTCP(port, Factory.forProtocol(lambda: Lines(window)), interface="127.0.0.1")
    await window.closed.wait()
    counting.cancel()


app = QApplication([])
app.setQuitOnLastWindowClosed(False)  # main() ends the program
triloop.run(main(int(sys.argv[1])), loop_factory=lambda: QEventLoop(app))
