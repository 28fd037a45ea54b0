"""Every source, by every function, in every driver, has the outcome of the native libraries.

``TRILOOP_AWAIT_TABLE=all`` goes through the whole table on each host. Else each part of it runs on
one host, with a few of its cells.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop
from tornado.ioloop import IOLoop
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.epollreactor import EPollReactor

import triloop
from tests.interop.awaits.drivers import DRIVERS, MEANS
from tests.interop.awaits.happenings import HAPPENINGS, Story, forget_all, tell
from tests.interop.awaits.oracle import Cell, Oracle
from tests.interop.awaits.sources import SOURCES
from tests.upstream.loops import dispose_of

HOSTS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
    "epoll": lambda: triloop.new_event_loop(EPollReactor()),
    "AsyncioSelectorReactor": lambda: triloop.new_event_loop(
        AsyncioSelectorReactor(asyncio.new_event_loop())
    ),
}
IS_WHOLE = os.environ.get("TRILOOP_AWAIT_TABLE") == "all"
#: Of how many cells one is run, if not all are.
STRIDE = 19
PARTS = [
    (host, source, mean)
    for number, (source, mean) in enumerate(itertools.product(SOURCES, MEANS))
    for host in (HOSTS if IS_WHOLE else [list(HOSTS)[number % len(HOSTS)]])
]
ROWS = list(itertools.product(DRIVERS, HAPPENINGS, (True, False)))


@pytest.fixture
def collections_by_rows(_warmed_up: None) -> Iterator[None]:
    """Garbage is collected where a row says so."""
    gc.disable()
    yield
    gc.enable()


async def difference(cell: Cell, switched_on: bool, oracle: Oracle) -> str | None:
    """The outcome of a cell, if it is not the right one."""
    right = await oracle.tell(cell)
    with triloop.await_anything() if switched_on else contextlib.nullcontext():
        happening, driver = HAPPENINGS[cell.happening], DRIVERS[cell.driver]
        got = await tell(happening, SOURCES[cell.source], cell.convert, driver)
    if not switched_on and right.outside == "cancelled by twisted":
        right = dataclasses.replace(right, outside=right.inside)  # nothing translates
    if cell.is_broken:
        return None
    if right.source is None:
        got.source = None
    if got == right or (not switched_on and cell.needs_switch and is_refused(got)):
        return None
    parts = [field.name for field in dataclasses.fields(Story)]
    found = [
        f"{part} {getattr(got, part)!r}, not {getattr(right, part)!r}"
        for part in parts
        if getattr(got, part) != getattr(right, part)
    ]
    return f"{cell}, {switched_on=}: {'; '.join(found)}"


def is_refused(story: Story) -> bool:
    """Whether the error names the fix, or the libraries do it as they do without triloop.

    A generator has the Future back that it has yielded. What is cancelled already has its own
    library's error.
    """
    seen = str(story.inside)
    return "triloop." in seen or seen in {"Future", "Task", "cancelled by asyncio"}


@pytest.mark.usefixtures("collections_by_rows")
@pytest.mark.parametrize(("host", "source", "mean"), PARTS)
def test_comes_to_what_is_native(host: str, source: str, mean: str) -> None:
    number = PARTS.index((host, source, mean))
    rows = ROWS if IS_WHOLE else ROWS[number % STRIDE :: STRIDE]
    oracle = Oracle()
    found: dict[Any, str | None] = {}

    async def main() -> None:
        for driver, happening, switched_on in rows:
            cell = Cell(source, mean, driver, happening)
            found[driver, happening, switched_on] = await difference(cell, switched_on, oracle)
        IOLoop._pending_tasks.clear()
        await forget_all()

    loop = HOSTS[host]()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
        if isinstance(loop, triloop.ReactorEventLoop):
            inner = getattr(loop.reactor, "_asyncioEventloop", None)
            dispose_of(loop.reactor)
            if inner is not None:
                inner.close()
    assert list(found) == rows
    assert [one for one in found.values() if one is not None] == []


def test_the_table_is_full() -> None:
    parts = {(source, mean) for _, source, mean in PARTS}
    assert parts == set(itertools.product(SOURCES, MEANS))
    assert {host for host, _, _ in PARTS} == HOSTS.keys()
    per_part = set().union(*(ROWS[number % STRIDE :: STRIDE] for number in range(len(PARTS))))
    assert per_part == set(ROWS), "some row is never run"
