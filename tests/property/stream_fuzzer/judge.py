"""Plays a program on the native loop and on ours, and says where they differ."""

from __future__ import annotations

import asyncio
import difflib
import pprint
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.selectreactor import SelectReactor

from tests.property.stream_fuzzer import asyncio_ends, twisted_ends
from tests.property.stream_fuzzer.programs import Program, make
from tests.upstream.loops import dispose_of
from triloop import ReactorEventLoop, TornadoReactor

__all__ = ["WORLDS", "differences"]

Outcome = list[Any]
Player = Callable[[Program, Path], Outcome]

#: How many native runs give the allowed outcomes, and how many of ours have to differ from all.
RUNS, ATTEMPTS = 8, 3


def on_epoll_reactor(program: Program, folder: Path) -> Outcome:
    reactor = EPollReactor()
    try:
        return twisted_ends.play(program, reactor, folder)
    finally:
        dispose_of(reactor)


def on_tornado_reactor(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> Player:
    def player(program: Program, folder: Path) -> Outcome:
        loop = make_loop()
        try:
            with TornadoReactor(loop) as reactor:
                return twisted_ends.play(program, reactor, folder)
        finally:
            loop.close()

    return player


def on_stock_loop(program: Program, folder: Path) -> Outcome:
    return asyncio_ends.play(program, asyncio.new_event_loop(), folder)


def on_reactor_loop(make_reactor: Callable[[], Any]) -> Player:
    def player(program: Program, folder: Path) -> Outcome:
        reactor = make_reactor()
        try:
            return asyncio_ends.play(program, ReactorEventLoop(reactor), folder)
        finally:
            dispose_of(reactor)

    return player


#: By world: the native loop's player, and ours.
WORLDS: dict[str, tuple[Player, dict[str, Player]]] = {
    "twisted": (
        on_epoll_reactor,
        {
            "TornadoReactor on asyncio": on_tornado_reactor(asyncio.new_event_loop),
            "TornadoReactor on uvloop": on_tornado_reactor(uvloop.new_event_loop),
        },
    ),
    "asyncio": (
        on_stock_loop,
        {
            "ReactorEventLoop on epoll": on_reactor_loop(EPollReactor),
            "ReactorEventLoop on select": on_reactor_loop(SelectReactor),
        },
    ),
}


def play(player: Player, program: Program) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return player(program, Path(folder))


def differences(world: str, seed: int) -> tuple[list[str], bool]:
    """The differences between ours and the native loop; and whether the native one varies."""
    program = make(world, seed)
    native, ours = WORLDS[world]
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


def describe(program: Program, name: str, right: Outcome, seen: Outcome) -> str:
    """A difference, and how to see it again."""
    old, new = (pprint.pformat(outcome, width=150).splitlines() for outcome in (right, seen))
    diff = "\n".join(difflib.unified_diff(old, new, "native", name, lineterm="", n=2))
    steps = "\n".join(f"  {number}: {step}" for number, step in enumerate(program.steps))
    return (
        f"{name}: python -m tests.property.stream_fuzzer --world {program.world} --seed "
        f"{program.seed}\n{program.pairs}\n{steps}\n{diff}\n"
    )
