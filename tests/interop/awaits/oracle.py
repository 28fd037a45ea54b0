"""The oracle: what the libraries do natively, each with its own awaitables."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tornado
from tornado import gen
from twisted.internet import defer

from tests.interop.awaits import happenings, sources
from tests.interop.awaits.drivers import DRIVERS, MEANS
from tests.interop.awaits.happenings import ABANDONED, HAPPENINGS, Happening, Story, tell
from tests.interop.awaits.sources import SOURCES, Source, coroutine, eager_task, itself, task
from triloop.awaitables import plain_await, twisted_coroutines

__all__ = ["Cell", "Oracle", "without_triloop"]

_module: Any = defer
_deferred: Any = defer.Deferred
_tornado: Any = gen
#: What inlineCallbacks sends back to the generator that yields it.
NOT_YIELDABLE = {sources.Awaits, sources.step, sources.old_coroutine}
AS_TWISTED_HAS_IT: dict[Any, Callable[[Any], Any]] = {
    task: sources.twisted_task,
    sources.tornado_coroutine: coroutine,
    sources.tornado_generator: sources.twisted_generator,
}


@contextlib.contextmanager
def without_triloop() -> Iterator[None]:
    """Restore Twisted and Tornado as they were before triloop was imported."""
    await_, drive = _deferred.__await__, _module._cancellableInlineCallbacks
    iscoroutine, convert = _module.iscoroutine, _tornado.convert_yielded
    _deferred.__await__ = _deferred.__iter__ = plain_await._twisteds_await
    _module._cancellableInlineCallbacks = twisted_coroutines._twisteds_drive
    _module.iscoroutine = twisted_coroutines._twisteds_iscoroutine
    _tornado.convert_yielded = convert.dispatch(object)
    try:
        yield
    finally:
        _deferred.__await__ = _deferred.__iter__ = await_
        _module._cancellableInlineCallbacks = drive
        _module.iscoroutine, _tornado.convert_yielded = iscoroutine, convert


@dataclass(frozen=True)
class Cell:
    """One cell of the table."""

    source: str
    mean: str
    driver: str
    happening: str

    @property
    def is_plain(self) -> bool:
        """Whether it has no function of triloop."""
        return self.mean == "plain"

    @property
    def is_broken(self) -> bool:
        """Whether Tornado is, before 6.6: a cancelled Future leaves its coroutine waiting."""
        return (
            tornado.version_info < (6, 6)
            and "gen.coroutine" in {self.source, self.driver}
            and self.happening.startswith("source cancelled")
        )

    @property
    def library(self) -> str:
        """The library whose CancelledError the body sees."""
        driver, source = DRIVERS[self.driver], SOURCES[self.source]
        if self.mean == "wait":
            return driver.library
        inner = "twisted" if source.inner == "twisted" else "asyncio"
        gives = MEANS[self.mean].gives
        if self._is_raised_by_a_coroutine() and gives != "twisted":
            return inner
        return driver.library if driver.yields else gives or inner

    def _is_raised_by_a_coroutine(self) -> bool:
        """Whether it is what a Task has failed with: its coroutine awaited a cancelled Deferred."""
        source = SOURCES[self.source]
        awaits_deferred = source.inner == "twisted" and source.around is coroutine
        return awaits_deferred and self.happening.startswith("source cancelled")

    @property
    def takes_a_pass(self) -> bool:
        """Whether asyncio takes a pass of its loop to hand on the result, in Twisted's driver."""
        source, driver = SOURCES[self.source], DRIVERS[self.driver]
        gives_future = MEANS[self.mean].gives == "asyncio" and not driver.yields
        if self.mean == "returns_deferred" or gives_future:
            return True
        if source.is_deferred:
            return False
        is_future = source.inner == "asyncio" or (
            # From CPython 3.14 on one of a thread passes its result on at once, in that thread.
            source.inner == "concurrent" and sys.version_info >= (3, 14) and not self.is_plain
        )
        if is_future and source.around is itself:
            return not (self.mean == "wait" or MEANS[self.mean].gives == "twisted" or driver.yields)
        return not (self.is_plain and source.inner in {"twisted", "concurrent"})

    @property
    def needs_switch(self) -> bool:
        """Whether plain code can do it after await_anything() only."""
        driver, source = DRIVERS[self.driver], SOURCES[self.source]
        if self.mean == "wait" or self.driver in {"Tornado coroutine", "gen.coroutine"}:
            return False
        gives = MEANS[self.mean].gives or ("twisted" if source.inner == "twisted" else "asyncio")
        return gives != driver.library

    def source_for_twisted(self) -> Source:
        """What Twisted has itself for it."""
        source = SOURCES[self.source]
        if self.is_plain and source.inner == "concurrent":
            return source
        around = AS_TWISTED_HAS_IT.get(source.around, source.around)
        if self._wraps():
            return Source("twisted", lambda x: coroutine(around(x)))
        return Source("twisted", around)

    def source_for_asyncio(self) -> Source:
        """What asyncio has itself for it."""
        source = SOURCES[self.source]
        if self.is_plain and source.inner == "concurrent":
            return source
        around = source.around
        # Beside a Task that begins at once stands another, if triloop's own begins at once too.
        start = eager_task if self.driver == "eager Task" else task
        if around is sources.twisted_generator:
            around = itself if HAPPENINGS[self.happening] in ABANDONED else start
        made = AS_ASYNCIO_MAKES_IT.get(self.mean, asyncio.ensure_future)
        if start is eager_task:
            made = AS_ASYNCIO_BEGINS_IT.get(self.mean, made)
        return Source("asyncio", lambda x: made(around(x)))

    def convert(self, x: Any) -> Any:
        """By triloop."""
        return coroutine(x) if self.is_plain and self._wraps() else MEANS[self.mean].convert(x)

    def _wraps(self) -> bool:
        """Whether an awaitable is yielded by a coroutine around it."""
        return (
            self.driver == "inlineCallbacks"
            and SOURCES[self.source].around in NOT_YIELDABLE
            and self.happening != "never awaited"
        )


async def _waits(x: Any) -> Any:
    return await asyncio.ensure_future(x)


AS_ASYNCIO_MAKES_IT: dict[str, Callable[[Any], Any]] = {
    "plain": itself,
    "wait": _waits,
    "returns_deferred": task,
}
AS_ASYNCIO_BEGINS_IT: dict[str, Callable[[Any], Any]] = {
    "as_deferred, eager": lambda x: x if asyncio.isfuture(x) else eager_task(x),
    "returns_deferred": lambda x: eager_task(coroutine(x)),
}


class Oracle:
    """Tells what is right, and remembers what it has told."""

    def __init__(self) -> None:
        self._told: dict[Cell, Story] = {}

    async def tell(self, cell: Cell) -> Story:
        """What is right in that cell."""
        if cell not in self._told:
            with without_triloop():
                self._told[cell] = await self._find(cell)
        return self._told[cell]

    async def _find(self, cell: Cell) -> Story:
        driver = DRIVERS[cell.driver]
        if driver.library == "asyncio":
            return await tell(self._happening(cell), cell.source_for_asyncio(), itself, driver)
        story = await tell(self._happening(cell), cell.source_for_twisted(), itself, driver)
        happening = HAPPENINGS[cell.happening]
        asyncios = await tell(happening, cell.source_for_asyncio(), itself, DRIVERS["Task"])
        self._mix(cell, story, asyncios)
        return story

    @staticmethod
    def _happening(cell: Cell) -> Happening:
        """A source that is cancelled by other code raises an error of its own library."""
        if cell.happening.startswith("source cancelled") and (
            cell.library != DRIVERS[cell.driver].library
        ):
            error = sources.CANCELLED[cell.library]()
            return happenings.fails_with(error, before=cell.happening.endswith("before"))
        return HAPPENINGS[cell.happening]

    @staticmethod
    def _mix(cell: Cell, twisteds: Story, asyncios: Story) -> None:
        """Twisted's driver, and below it what is asyncio's."""
        if cell.happening == "cancelled at once" and cell.takes_a_pass:
            twisteds.source = None  # it begins later, or never
        elif cell.happening == "cancelled as it fires" and cell.takes_a_pass:
            twisteds.inside, twisteds.outside = asyncios.inside, asyncios.outside
        if cell.happening == "never awaited":
            twisteds.reports = asyncios.reports
        elif cell.happening == "collected" and twisteds.inside == "nothing":
            asyncios.reports.remove("asyncio: Task was destroyed but it is pending!")
            both = Counter(twisteds.reports) | Counter(asyncios.reports)
            twisteds.reports = sorted(both.elements())
        elif cell.happening == "cancelled while it waits" and cell.takes_a_pass:
            twisteds.source = asyncios.source
        if twisteds.inside.startswith("cancelled"):
            twisteds.inside = f"cancelled by {cell.library}"
        if twisteds.outside.startswith("cancelled"):
            twisteds.outside = "cancelled by twisted"
