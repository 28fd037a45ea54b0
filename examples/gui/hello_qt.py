"""Qt owns the thread, by qasync; Twisted and Tornado run inside."""

from __future__ import annotations

import asyncio

from PySide6.QtWidgets import QApplication, QLabel  # first: qasync takes the Qt that is there
from qasync import QEventLoop

import triloop

app = QApplication([])
app.setQuitOnLastWindowClosed(False)  # the reactor ends the program
loop = QEventLoop(app)
reactor = triloop.install(loop)


async def count() -> None:
    """Count down, by asyncio; then close the window."""
    for number in (3, 2, 1):
        window.setText(str(number))
        await asyncio.sleep(0.1)
    window.close()


window = QLabel()
window.show()
app.lastWindowClosed.connect(reactor.stop)
counting = loop.create_task(count())
reactor.callLater(0.2, print, "Twisted's timer")
reactor.run()
