"""What runs in which contextvars context is as in docs/contexts.md, in every place."""

from __future__ import annotations

import pytest

from tests.contract.contexts.places import ASYNCIO_PLACES, TWISTED_PLACES, play
from tests.contract.contexts.table import PAGE, PLACES, SAME, TABLES, VARIES, now, on_page

PAGE_TABLE = on_page(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("place", PLACES)
def test_contexts_are_as_documented(place: str) -> None:
    (rows,) = (
        rows
        for (rows, _), places in zip(TABLES.values(), (TWISTED_PLACES, ASYNCIO_PLACES), strict=True)
        if place in places
    )
    told = {name: now(cell) for name, cell in PAGE_TABLE[SAME.get(place, place)].items()}
    assert told.keys() == rows.keys(), "the page has other rows than the test"
    found = play(rows, PLACES[place])
    assert sorted(rows.keys() - found.keys()) == [], "these were never seen"
    assert {name: VARIES if told[name] == VARIES else found[name] for name in rows} == told


def test_contexts_in_a_guest_loop_are_those_of_asyncio() -> None:
    assert PAGE_TABLE["ReactorEventLoop"] == PAGE_TABLE["asyncio"]


def test_all_contexts_in_a_tornado_reactor_are_defined() -> None:
    assert set(PAGE_TABLE["TornadoReactor"].values()) == {"asker", "own"}
