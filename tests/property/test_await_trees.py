"""Random trees of awaits, in forms of all three worlds, have the outcome of plain asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado import gen
from twisted.internet import defer
from twisted.internet.defer import Deferred, inlineCallbacks

import triloop

EXAMPLES = int(os.environ.get("TRILOOP_AWAIT_EXAMPLES", "60"))


class BoomError(Exception):
    """The error of a leaf."""


@inlineCallbacks
def by_generator(coroutine: Any) -> Generator[Any, Any, Any]:
    return (yield coroutine)


async def awaited(x: Any) -> Any:
    return await x


# What a part of the tree is made into before it is awaited; the first is plain asyncio's.
FORMS: list[Callable[[Any], Any]] = [
    asyncio.ensure_future,
    triloop.as_future,
    triloop.as_deferred,
    lambda x: triloop.as_deferred(x, eager=True),
    triloop.wait,
    Deferred.fromCoroutine,
    by_generator,
    gen.convert_yielded,
    lambda x: triloop.as_future(triloop.as_deferred(x)),
    lambda x: Deferred.fromCoroutine(awaited(triloop.as_future(x))),
    lambda x: asyncio.ensure_future(awaited(Deferred.fromCoroutine(x))),
]


@dataclass
class Part:
    """A part of a tree: what it does, with what, and in which form it is awaited."""

    kind: str
    form: int
    number: int = 0
    parts: list[Part] = field(default_factory=list)


def trees() -> st.SearchStrategy[Part]:
    forms, numbers = st.integers(0, len(FORMS) - 1), st.integers(0, 5)
    leaves = st.builds(Part, st.sampled_from(["value", "error"]), forms, numbers)

    def grown(parts: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
        several = st.lists(parts, min_size=1, max_size=3)
        return st.builds(
            Part, st.sampled_from(["row", "gather", "cancel"]), forms, numbers, several
        )

    return st.recursive(leaves, grown, max_leaves=8)


class Program:
    """Runs a tree; with ``mixed`` in its forms, or else as plain asyncio."""

    def __init__(self, mixed: bool) -> None:
        self.mixed = mixed
        self.cleaned_up: list[int] = []

    async def run(self, part: Part) -> Any:
        if part.kind == "value":
            return await self.later(part.number)
        if part.kind == "error":
            await self.later(None)
            raise BoomError(part.number)
        if part.kind == "row":
            return [await self.outcome(self.start(one)) for one in part.parts]
        if part.kind == "gather":
            started = [self.outcome(self.start(one)) for one in part.parts]
            return await asyncio.gather(*started)
        return [await self.cancelled(part, one) for one in part.parts]

    def start(self, part: Part) -> Any:
        return self.formed(part, self.run(part))

    def formed(self, part: Part, coroutine: Any) -> Any:
        return FORMS[part.form if self.mixed else 0](coroutine)

    def later(self, result: Any) -> Any:
        loop = asyncio.get_running_loop()
        if self.mixed:
            deferred: Deferred[Any] = Deferred()
            loop.call_soon(deferred.callback, result)
            return deferred
        future: asyncio.Future[Any] = loop.create_future()
        loop.call_soon(future.set_result, result)
        return future

    async def outcome(self, x: Any) -> Any:
        try:
            return await x
        except BoomError as error:
            return f"error {error}"
        except (asyncio.CancelledError, defer.CancelledError):
            return "cancelled"

    async def cancelled(self, part: Part, one: Part) -> Any:
        """Cancel a coroutine that waits for ever and cleans up."""
        started = asyncio.ensure_future(awaited(self.formed(one, self.waits(part.number))))
        for _ in range(12):
            await asyncio.sleep(0)
        started.cancel()
        ended = await self.outcome(started)
        for _ in range(12):
            await asyncio.sleep(0)
        return ended

    async def waits(self, number: int) -> None:
        try:
            await (Deferred() if self.mixed else asyncio.get_running_loop().create_future())
        finally:
            await self.later(None)
            self.cleaned_up.append(number)


def came_to(tree: Part, mixed: bool) -> Any:
    complaints: list[str] = []
    program = Program(mixed)

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context["message"]))
        return await program.outcome(program.run(tree))

    return asyncio.run(main()), sorted(program.cleaned_up), complaints


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees())
def test_a_mixed_tree_has_the_outcome_of_a_plain_one(tree: Part) -> None:
    with triloop.await_anything():
        assert came_to(tree, mixed=True) == came_to(tree, mixed=False)
