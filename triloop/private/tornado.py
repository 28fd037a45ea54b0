"""The private parts of Tornado: the IOLoops of asyncio loops, and the tasks it keeps alive."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from typing import Any

from tornado.concurrent import Future
from tornado.ioloop import IOLoop

__all__ = ["io_loops", "keep_task"]

#: The IOLoops of this process, by their asyncio loops: Tornado's own table.
io_loops: dict[AbstractEventLoop, IOLoop] = IOLoop._ioloop_for_asyncio


def keep_task(task: Future[Any]) -> None:
    """Have Tornado keep ``task`` until it is done, as it keeps its own: asyncio does not."""
    loop: Any = IOLoop
    loop._pending_tasks.add(task)
    task.add_done_callback(loop._pending_tasks.discard)
