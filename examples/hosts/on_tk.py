"""Tk's mainloop owns the thread; a Twisted reactor and an asyncio loop run inside it."""

from __future__ import annotations

import asyncio
import math
import tkinter
from collections.abc import Callable
from functools import partial

from twisted.internet.task import deferLater

import triloop

Callback = Callable[[], object]


class TkHost(triloop.BaseHost):
    """Tk as a host of triloop's guests."""

    nests = True  # a dialog runs Tk's loop within a callback

    def __init__(self, root: tkinter.Tk) -> None:
        self.root = root

    def quit(self) -> None:
        """End the mainloop."""
        self.root.quit()

    def add_reader(self, fd: int, callback: Callback) -> Callback:
        """Call ``callback`` whenever ``fd`` is readable."""
        self.root.tk.createfilehandler(fd, tkinter.READABLE, lambda *_: callback())
        return partial(self.root.tk.deletefilehandler, fd)

    def add_timer(self, delay: float, callback: Callback) -> Callback:
        """Call ``callback`` after ``delay`` seconds."""
        milliseconds = math.ceil(delay * 1000)  # any less, and it is called again and again
        return partial(self.root.after_cancel, self.root.after(milliseconds, callback))


def main() -> None:
    """Show in a window what asyncio and Twisted have waited for."""
    root = tkinter.Tk()
    label = tkinter.Label(root, text="waiting")
    label.pack()

    async def wait() -> None:
        await asyncio.sleep(0.05)
        label["text"] = "asyncio slept"
        print(label["text"])
        await triloop.wait(deferLater(loop.reactor, 0.05))
        label["text"] = "Twisted waited"
        print(label["text"])
        root.quit()

    with TkHost(root) as host, triloop.loop_on(host) as loop:
        task = loop.create_task(wait())
        root.mainloop()
    print("Tk ends; asyncio's task is done:", task.done())
    root.destroy()


if __name__ == "__main__":
    main()
