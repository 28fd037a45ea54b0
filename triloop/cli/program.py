"""``triloop run``: an unmodified program, with triloop installed first."""

from __future__ import annotations

import argparse
import asyncio
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from triloop.adapters.asyncio_in_twisted.ioloop import TwistedIOLoop
from triloop.adapters.asyncio_in_twisted.loop import new_event_loop
from triloop.adapters.twisted_in_asyncio.install import install
from triloop.awaitables import await_anything

__all__ = ["add_to", "run_program"]

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def add_to(commands: Any) -> None:
    """Add the command to the parsers of an argparse parser."""
    parser = commands.add_parser(
        "run",
        help="run a program with triloop installed first",
        description="Run an unmodified program with triloop installed before its first import. Its "
        "exit code is the program's.",
    )
    owner = parser.add_mutually_exclusive_group()
    owner.add_argument(
        "--loop",
        choices=("asyncio", "uvloop"),
        default="asyncio",
        help="the loop that owns the thread, with Twisted inside (default: asyncio)",
    )
    owner.add_argument(
        "--reactor",
        metavar="NAME",
        help="a reactor of Twisted's that owns the thread, with asyncio inside: epoll, poll, gi, …",
    )
    parser.add_argument(
        "--await-anything",
        action="store_true",
        help="Deferreds may be awaited in Tasks, and asyncio's awaitables in Twisted's coroutines",
    )
    parser.add_argument("-m", dest="module", action="store_true", help="PROGRAM is a module's name")
    parser.add_argument("program", metavar="PROGRAM", help="a script, or with -m a module")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the program's own arguments")
    parser.set_defaults(command=run_program)


def run_program(options: argparse.Namespace) -> int:
    """Install what the options ask for, then run the program in this process."""
    if options.await_anything:
        await_anything()
    make_loop = _install_reactor(options.reactor) if options.reactor else _install(options.loop)
    # The program's asyncio.run() and Runner then make the loop that was asked for. There is no
    # public way to do this for an unmodified program: loop policies end with Python 3.15.
    asyncio.new_event_loop = asyncio.events.new_event_loop = make_loop
    sys.argv = [options.program, *options.arguments]
    if options.module:
        sys.path[0] = str(Path.cwd())
        runpy.run_module(options.program, run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(options.program).resolve().parent)
        runpy.run_path(options.program, run_name="__main__")
    return 0


def _install(name: str) -> LoopFactory:
    make: LoopFactory = asyncio.SelectorEventLoop
    if name == "uvloop":
        try:
            import uvloop
        except ImportError:
            sys.exit("triloop: uvloop is not installed: pip install 'triloop[uvloop]'")
        make = uvloop.new_event_loop
    loop = make()
    asyncio.set_event_loop(loop)
    install(loop)
    return make


def _install_reactor(name: str) -> LoopFactory:
    from twisted.application.reactors import NoSuchReactor, installReactor

    try:
        reactor: Any = installReactor(name)
    except NoSuchReactor:
        sys.exit(f"triloop: Twisted has no reactor {name!r}: `twist --help-reactors` lists them")
    first = TwistedIOLoop(reactor).install().asyncio_loop

    def make_loop() -> asyncio.AbstractEventLoop:
        fresh = not (first.lifecycle.has_run or first.is_closed())
        return first if fresh else new_event_loop()

    return make_loop
