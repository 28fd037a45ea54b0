"""Tk's mainloop owns the thread; a Twisted reactor and an asyncio loop run inside it."""

from __future__ import annotations

import asyncio
import socket
import tkinter
from collections import deque
from collections.abc import Callable

from twisted.internet.task import deferLater

import triloop

Callback = Callable[[], object]


class Request:
    """What Tk was asked for, and how to take that back."""

    def __init__(self, undo: Callable[..., object], *args: object) -> None:
        self._undo: Callback | None = lambda: undo(*args)

    def cancel(self) -> None:
        """Take it back, once."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()


class TkHost:
    """Tk as a host of triloop's guests. Run it by :meth:`mainloop`."""

    nests = True  # a dialog runs Tk's loop within a callback

    def __init__(self, root: tkinter.Tk) -> None:
        self.root = root
        self._calls: deque[Callback] = deque()
        self._wakes, self._waker = socket.socketpair()
        self._reason: BaseException | None = None
        self._woken = self.watch(self._wakes.fileno(), self._wake)

    def watch(self, fd: int, callback: Callback) -> Request:
        """Call ``callback`` every time ``fd`` is readable."""
        self.root.tk.createfilehandler(fd, tkinter.READABLE, lambda *_: callback())
        return Request(self.root.tk.deletefilehandler, fd)

    def call_later(self, delay: float, callback: Callback) -> Request:
        """Call ``callback`` after ``delay`` seconds."""
        return Request(self.root.after_cancel, self.root.after(int(delay * 1000), callback))

    def call_soon(self, callback: Callback) -> Request:
        """Call ``callback`` in Tk's next pass."""
        return self.call_later(0, callback)

    def call_soon_threadsafe(self, callback: Callback) -> None:
        """Call ``callback`` soon; Tk itself may not be called from another thread."""
        self._calls.append(callback)
        self._waker.send(b"\0")

    def _wake(self) -> None:
        self._wakes.recv(1)
        self._calls.popleft()()

    def interrupt(self, reason: BaseException) -> None:
        """End the mainloop, which raises ``reason``; of a callback, Tk would only report it."""
        self._reason = reason
        self.root.quit()

    def mainloop(self) -> None:
        """Run Tk until ``root.quit()``."""
        self.root.mainloop()
        reason, self._reason = self._reason, None
        if reason is not None:
            raise reason

    def close(self) -> None:
        """Give back what wakes Tk."""
        self._woken.cancel()
        self._wakes.close()
        self._waker.close()


def main() -> None:
    """Show in a window what asyncio and Twisted have waited for."""
    root = tkinter.Tk()
    label = tkinter.Label(root, text="waiting")
    label.pack()
    host = TkHost(root)

    async def of_asyncio() -> None:
        await asyncio.sleep(0.05)
        label["text"] = "asyncio slept"
        print(label["text"])
        await triloop.wait(deferLater(loop.reactor, 0.05))
        label["text"] = "Twisted waited"
        print(label["text"])
        root.quit()

    with triloop.loop_on(host) as loop:
        task = loop.create_task(of_asyncio())
        host.mainloop()
    print("Tk ends;", "asyncio's task is done:", task.done())
    host.close()
    root.destroy()


if __name__ == "__main__":
    main()
