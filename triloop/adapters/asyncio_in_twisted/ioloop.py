"""Tornado on Twisted: an IOLoop on a ReactorEventLoop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tornado.platform.asyncio import AsyncIOLoop

from triloop.adapters.asyncio_in_twisted.loop import ReactorEventLoop
from triloop.adapters.asyncio_in_twisted.reactors import refuse_within_running_loop
from triloop.embedding import TURN_BUDGET
from triloop.private.cpython import current_loop

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["TwistedIOLoop"]


class TwistedIOLoop(AsyncIOLoop):
    """A Tornado IOLoop that runs inside a Twisted reactor.

    ::

        loop = TwistedIOLoop().install()
        ...                              # set the application up on IOLoop.current()
        reactor.run()                    # or loop.start()

    All methods belong to the reactor's thread, save ``add_callback``.

    Args:
        reactor: A reactor with IReactorFDSet and IReactorTime. None: the global one, or, if another
            open loop has that, a reactor of this loop's own, which is closed with it.
        turn_budget: For how long the loop may keep the reactor from its own I/O while it has work
            ready, in seconds; see :class:`ReactorEventLoop`.

    Attributes:
        asyncio_loop: The asyncio loop that Tornado's is made of: ``asyncio_loop.create_task()``.

    Raises:
        ValueError: Another open loop is on the same reactor; ``turn_budget`` is negative, or not
            finite.
        TypeError: The reactor cannot watch descriptors; ``turn_budget`` is not a number.
        RuntimeError: Inside a running loop, where nothing would run the reactor.
    """

    asyncio_loop: ReactorEventLoop

    if TYPE_CHECKING:
        # Tornado's is annotated to give Any.
        def __new__(  # noqa: D102
            cls,
            reactor: Any = None,
            *,
            turn_budget: float = TURN_BUDGET,
            make_current: bool = True,
        ) -> Self: ...

    def initialize(  # type: ignore[override]
        self, reactor: Any = None, *, turn_budget: float = TURN_BUDGET, **kwargs: Any
    ) -> None:
        """Called by Tornado in place of ``__init__``.

        Where Tornado itself asks for an IOLoop on an asyncio loop, the IOLoop is on that one.
        """
        if "asyncio_loop" in kwargs:
            super().initialize(**kwargs)
            return
        if kwargs.get("make_current", True):
            refuse_within_running_loop(reactor)
        loop = ReactorEventLoop(reactor, turn_budget=turn_budget)
        try:
            super().initialize(asyncio_loop=loop, **kwargs)
        except BaseException:
            loop.close()
            raise

    @property
    def reactor(self) -> Any:
        """The Twisted reactor that this loop runs in; None on an asyncio loop of another class."""
        return getattr(self.asyncio_loop, "reactor", None)

    def install(self) -> TwistedIOLoop:  # type: ignore[override]  # Tornado's returns None
        """Make this loop the current one, Tornado's and asyncio's; returns it."""
        self._make_current()
        return self

    def _make_current(self) -> None:
        if isinstance(self.asyncio_loop, ReactorEventLoop):
            refuse_within_running_loop(self.reactor)
        # Tornado's asks asyncio for the loop that was current before, which makes one if there
        # was none, or warns. Like Tornado's, this loop puts back what it found.
        if not self.is_current:
            self.old_asyncio = current_loop()  # type: ignore[assignment]  # Tornado sets None too
            self.is_current = True
        asyncio.set_event_loop(self.asyncio_loop)
