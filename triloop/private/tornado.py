"""What this package changes in Tornado or uses of its private parts."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from typing import Any

import tornado.platform.twisted
from tornado.concurrent import Future
from tornado.ioloop import IOLoop

__all__ = ["explain_removed_names", "io_loops", "keep_task"]

_REMOVED = frozenset({"TornadoReactor", "TwistedIOLoop", "TwistedResolver"})

#: The IOLoops of this process, by their asyncio loops: Tornado's own table.
io_loops: dict[AbstractEventLoop, IOLoop] = IOLoop._ioloop_for_asyncio


def keep_task(task: Future[Any]) -> None:
    """Have Tornado keep ``task`` until it is done, as it keeps its own: asyncio does not."""
    loop: Any = IOLoop
    loop._pending_tasks.add(task)
    task.add_done_callback(loop._pending_tasks.discard)


def explain_removed_names() -> None:
    """Have an import of a name that Tornado 6 has removed say what it is called now.

    ``Resolver.configure("tornado.platform.twisted.TwistedResolver")`` is such an import.
    """
    module: Any = tornado.platform.twisted

    def missing(name: str) -> Any:
        if name not in _REMOVED:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        raise ImportError(
            f"Tornado 6 has no tornado.platform.twisted.{name}: use triloop.{name}, which works "
            "the same way"
        )

    module.__getattr__ = missing
