"""Plays a program on the native loop and on ours, and says where they differ."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import difflib
import pprint
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.selectreactor import SelectReactor

from tests.property.stream_fuzzer import (
    asyncio_ends,
    children,
    datagrams,
    programs,
    readers,
    twisted_ends,
)
from tests.upstream.loops import dispose_of
from triloop import ReactorEventLoop, TornadoReactor

__all__ = ["WORLDS", "differences"]

Outcome = list[Any]
#: Plays a program, given the loop or the reactor.
Play = Callable[[Any, Any, Path], Outcome]
#: Plays a program, given a folder.
Player = Callable[[Any, Path], Outcome]

#: How many native runs give the allowed outcomes, and how many of ours have to differ from all.
RUNS, ATTEMPTS = 8, 3


class World(NamedTuple):
    """A kind of programs.

    Attributes:
        make: Makes the program of a seed, given the name of the world, too.
        native: Plays one on the native loop.
        ours: Play it on ours.
    """

    make: Callable[[str, int], Any]
    native: Player
    ours: dict[str, Player]


def on_reactors(make: Callable[[str, int], Any], play: Play) -> World:
    """A world of Twisted's, whose programs are played on a reactor."""

    def on_native(program: Any, folder: Path) -> Outcome:
        reactor = EPollReactor()
        try:
            return play(program, reactor, folder)
        finally:
            dispose_of(reactor)

    def on_ours(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> Player:
        def player(program: Any, folder: Path) -> Outcome:
            with contextlib.closing(make_loop()) as loop, TornadoReactor(loop) as reactor:
                return play(program, reactor, folder)

        return player

    ours = {
        "TornadoReactor on asyncio": on_ours(asyncio.new_event_loop),
        "TornadoReactor on uvloop": on_ours(uvloop.new_event_loop),
    }
    return World(make, on_native, ours)


def on_loops(make: Callable[[str, int], Any], play: Play) -> World:
    """A world of asyncio's, whose programs are played on a loop, which they close."""

    def on_native(program: Any, folder: Path) -> Outcome:
        return play(program, asyncio.new_event_loop(), folder)

    def on_ours(make_reactor: Callable[[], Any]) -> Player:
        def player(program: Any, folder: Path) -> Outcome:
            reactor = make_reactor()
            try:
                return play(program, ReactorEventLoop(reactor), folder)
            finally:
                dispose_of(reactor)

        return player

    ours = {
        "ReactorEventLoop on epoll": on_ours(EPollReactor),
        "ReactorEventLoop on select": on_ours(SelectReactor),
    }
    return World(make, on_native, ours)


WORLDS: dict[str, World] = {
    "twisted": on_reactors(programs.make, twisted_ends.play),
    "asyncio": on_loops(programs.make, asyncio_ends.play),
    "twisted-datagrams": on_reactors(datagrams.Datagrams.make, datagrams.on_reactor),
    "asyncio-datagrams": on_loops(datagrams.Datagrams.make, datagrams.on_loop),
    "asyncio-readers": on_loops(readers.Readers.make, readers.play),
    "twisted-children": on_reactors(children.Children.make, children.on_reactor),
    "asyncio-children": on_loops(children.Children.make, children.on_loop),
}


def play(player: Player, program: Any) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return player(program, Path(folder))


def differences(world: str, seed: int) -> tuple[list[str], bool]:
    """The differences between ours and the native loop; and whether the native one varies."""
    make, native, ours = WORLDS[world]
    program = make(world, seed)
    right = [play(native, program)]
    found = []
    for name, player in ours.items():
        seen = play(player, program)
        if seen in right:
            continue
        right += [play(native, program) for _ in range(RUNS - len(right))]
        attempts = [seen, *(play(player, program) for _ in range(ATTEMPTS - 1))]
        if not any(attempt in right for attempt in attempts):
            found.append(describe(program, name, right[0], seen))
    return found, any(one != right[0] for one in right)


def describe(program: Any, name: str, right: Outcome, seen: Outcome) -> str:
    """A difference, and how to see it again."""
    old, new = (pprint.pformat(outcome, width=150).splitlines() for outcome in (right, seen))
    diff = "\n".join(difflib.unified_diff(old, new, "native", name, lineterm="", n=2))
    steps = "\n".join(f"  {number}: {step}" for number, step in enumerate(program.steps))
    return (
        f"{name}: python -m tests.property.stream_fuzzer --world {program.world} --seed "
        f"{program.seed}\n{dataclasses.replace(program, steps=())}\n{steps}\n{diff}\n"
    )
