"""Events of an awaitable and its driver, and the record of their outcome."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.interop.awaits.drivers import Driver
from tests.interop.awaits.sources import Inner, Source

__all__ = ["ABANDONED", "HAPPENINGS", "Happening", "Story", "fails_with", "forget_all", "tell"]

VALUE = object()
PASSES = 10


class BoomError(Exception):
    """The error of a source."""


@dataclass
class Story:
    """The outcome of one await.

    Attributes:
        source: What came of the source; None where the test itself has ended it.
    """

    begun: str = "not begun"
    inside: Any = "nothing"
    outside: Any = "pending"
    source: str | None = "not cancelled"
    reports: list[str] = field(default_factory=list)


def boom() -> BaseException:
    """An exception with a cause."""
    error = BoomError("boom")
    error.__cause__ = KeyError("cause")
    return error


def in_words(seen: Any) -> str:
    """What was seen, for comparison."""
    if seen is VALUE:
        return "the value"
    if isinstance(seen, Failure):
        seen = seen.value
    if isinstance(seen, asyncio.CancelledError):
        return "cancelled by asyncio"
    if isinstance(seen, defer.CancelledError):
        return "cancelled by twisted"
    if isinstance(seen, BoomError):
        return f"{seen!r} of {seen.__cause__!r}"
    return repr(seen) if isinstance(seen, BaseException) else type(seen).__name__


@implementer(ILogObserver)
class Reports:
    """What Python and the libraries report because no code has handled it."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        """Note what Twisted logs: one event tells of the line, one has the traceback."""
        if event.get("log_failure") is not None:
            self.found.append("twisted: unhandled")

    def asyncio(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Note what a loop's exception handler is told."""
        self.found.append(f"asyncio: {context['message']}")

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Collect all of them in the block."""
        loop, hook = asyncio.get_running_loop(), sys.unraisablehook
        globalLogPublisher.addObserver(self)
        loop.set_exception_handler(self.asyncio)
        sys.unraisablehook = lambda x: self.found.append(f"unraisable: {x.exc_value!r}")
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                yield
                while warned:  # with a warning goes its source, and what that has held
                    self.found.append(f"warning: {str(warned.pop(0).message).split(' was ')[-1]}")
        finally:
            sys.unraisablehook = hook
            loop.set_exception_handler(None)
            globalLogPublisher.removeObserver(self)


class Scene:
    """One source in one driver."""

    def __init__(self, source: Source, convert: Callable[[Any], Any], driver: Driver) -> None:
        self.inner = Inner(source.inner)
        self.story = Story()
        self._source = source
        self._convert = convert
        self._driver = driver
        self.driven: Any = None

    def thing(self) -> Any:
        """Make the awaitable."""
        return self._convert(self._source.around(self.inner.thing))

    def start(self) -> None:
        """Have the driver await it."""
        try:
            self.driven = self._driver.start(self.thing(), self._begun, self._seen)
        except asyncio.CancelledError:  # Tornado before 6.6
            self.story.outside = "raised where it was started"
            self.driven = asyncio.get_running_loop().create_future()
        if self.story.begun == "begun":
            self.story.begun = "begun at once"

    def _begun(self, _: bool) -> None:
        self.story.begun = "begun"

    def _seen(self, seen: Any) -> None:
        if not isinstance(seen, GeneratorExit):
            self.story.inside = in_words(seen)

    def look(self) -> None:
        """Record the outcome of the driver."""
        driven = self.driven
        if isinstance(driven, Deferred):
            driven.addBoth(self._came_to)
        elif driven.done():
            try:
                self._came_to(driven.result())
            except BaseException as error:  # noqa: BLE001 - it is what is asked for
                self._came_to(error)

    def _came_to(self, result: Any) -> None:
        self.story.outside = in_words(result)


async def passes() -> None:
    """Let the loop take some."""
    for _ in range(PASSES):
        await asyncio.sleep(0)


Happening = Callable[[Scene], Awaitable[None]]


def ends(end: Callable[[Scene], None], *, before: bool) -> Happening:
    """The source comes to an end, and the driver with it."""

    async def happens(scene: Scene) -> None:
        if before:
            end(scene)
        scene.start()
        await passes()
        if not before:
            end(scene)
            await passes()
        scene.look()
        scene.story.source = None

    return happens


async def cancelled_at_once(scene: Scene) -> None:
    """The driver is cancelled before its first step, if it does not begin at once."""
    scene.start()
    scene.driven.cancel()
    await passes()
    scene.look()


async def cancelled_while_it_waits(scene: Scene) -> None:
    """The driver is cancelled, and has to cancel what it awaits."""
    scene.start()
    await passes()
    scene.driven.cancel()
    await passes()
    scene.look()


async def cancelled_after_the_end(scene: Scene) -> None:
    """There is nothing left to cancel."""
    scene.start()
    await passes()
    scene.inner.fire(VALUE)
    await passes()
    scene.driven.cancel()
    await passes()
    scene.look()


async def cancelled_as_it_fires(scene: Scene) -> None:
    """The result is there, and a Task has not seen it yet."""
    scene.start()
    await passes()
    scene.inner.fire(VALUE)
    scene.driven.cancel()
    await passes()
    scene.look()


async def never_awaited(scene: Scene) -> None:
    """It is made, and forgotten."""
    scene.thing()
    gc.collect()
    await passes()


async def collected(scene: Scene) -> None:
    """All of it is forgotten while it waits."""
    scene.start()
    await passes()
    scene.driven = scene.inner.thing = None
    gc.collect()
    await passes()


async def error_that_no_code_sees(scene: Scene) -> None:
    """The driver fails, and is forgotten."""
    scene.start()
    await passes()
    scene.inner.fail(boom())
    await passes()
    scene.driven = scene.inner.thing = None


def fails_with(error: BaseException, *, before: bool) -> Happening:
    """The source fails with ``error``."""
    return ends(lambda scene: scene.inner.fail(error), before=before)


def _fire(scene: Scene) -> None:
    scene.inner.fire(VALUE)


def _fail(scene: Scene) -> None:
    scene.inner.fail(boom())


def _cancel(scene: Scene) -> None:
    scene.inner.cancel()


HAPPENINGS: dict[str, Happening] = {
    "result": ends(_fire, before=False),
    "result, before": ends(_fire, before=True),
    "error": ends(_fail, before=False),
    "error, before": ends(_fail, before=True),
    "source cancelled": ends(_cancel, before=False),
    "source cancelled, before": ends(_cancel, before=True),
    "cancelled at once": cancelled_at_once,
    "cancelled while it waits": cancelled_while_it_waits,
    "cancelled as it fires": cancelled_as_it_fires,
    "cancelled after the end": cancelled_after_the_end,
    "never awaited": never_awaited,
    "collected": collected,
    "error that no code sees": error_that_no_code_sees,
}
#: In these the garbage tells something.
ABANDONED = {never_awaited, collected, error_that_no_code_sees}


async def forget_all() -> None:
    """Collect what is left of others, and what is reported of it."""
    with Reports().listening():
        for _ in range(2):
            gc.collect()
            await passes()


async def tell(
    happening: Happening, source: Source, convert: Callable[[Any], Any], driver: Driver
) -> Story:
    """Have it happen in the running loop, and give an account of it."""
    if happening in ABANDONED:
        await forget_all()
    reports = Reports()
    with reports.listening():
        scene = Scene(source, convert, driver)
        story = scene.story
        await happening(scene)
        inner = scene.inner
        if inner.thing is None:
            story.source = None
        elif story.source is not None and inner.was_cancelled():
            story.source = "cancelled"
        del scene, inner
        await passes()
        if happening in ABANDONED:
            gc.collect()
            await passes()
    story.reports = sorted(reports.found)
    return story
