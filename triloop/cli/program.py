"""``triloop run``: an unmodified program, with triloop installed first."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet import error, main
from twisted.internet.asyncioreactor import AsyncioSelectorReactor

from triloop.adapters.asyncio_in_twisted.ioloop import TwistedIOLoop
from triloop.adapters.asyncio_in_twisted.loop import new_event_loop
from triloop.adapters.twisted_in_asyncio.install import install
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor
from triloop.awaitables import await_anything
from triloop.cli.main_module import run_module, run_script
from triloop.origins import BY_COMMAND
from triloop.private.reactors import host_loop_of

__all__ = ["add_to", "run_program"]

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def add_to(commands: Any) -> None:
    """Add the command to the parsers of an argparse parser."""
    parser = commands.add_parser(
        "run",
        help="run a program with triloop installed first",
        usage="%(prog)s [-h] [--loop NAME | --reactor NAME] [--await-anything] "
        "(SCRIPT | -m MODULE) [ARGUMENT ...]",
        description="Run an unmodified program with triloop installed before its first import. Its "
        "exit code is the program's.",
    )
    owner = parser.add_mutually_exclusive_group()
    owner.add_argument(
        "--loop",
        choices=("asyncio", "uvloop"),
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
    parser.add_argument("-m", dest="module", action="store_true", help="run a module, by its name")
    parser.add_argument(
        "program",
        metavar="SCRIPT",
        nargs=argparse.REMAINDER,
        help="a script, a folder with a __main__.py, or - for standard input; then its arguments",
    )
    parser.set_defaults(command=run_program, wrong=parser.error)


def run_program(options: argparse.Namespace) -> int:
    """Install what the options ask for, then run the program in this process."""
    if not options.program:
        options.wrong("a script is needed, or -m and the name of a module")
    if options.await_anything:
        await_anything()
    if options.reactor:
        _install_reactor(options.reactor)
    else:
        _install(options.loop)
    program, *arguments = options.program
    run = run_module if options.module else run_script
    run(program, arguments)
    return 0


def _make_loops_by(make: LoopFactory) -> None:
    """Have the program's ``asyncio.run()`` make loops of the kind that was asked for.

    There is no public way to do this for an unmodified program: loop policies end with Python 3.15.
    """
    asyncio.new_event_loop = asyncio.events.new_event_loop = make


def _install(name: str | None) -> None:
    if name == "uvloop":
        try:
            import uvloop
        except ImportError:
            sys.exit("triloop: uvloop is not installed: pip install 'triloop[uvloop]'")
        _make_loops_by(uvloop.new_event_loop)
    elif name == "asyncio":
        _make_loops_by(asyncio.SelectorEventLoop)
    reactor = install(asyncio.new_event_loop())
    reactor.installed_by = BY_COMMAND
    _stand_in_with(reactor, AsyncioSelectorReactor)


def _stand_in_with(reactor: Any, kind: type) -> None:
    """Have a program that installs a reactor of this kind itself use the one that there is."""

    def install_reactor(wanted: Any = None) -> None:
        if type(wanted) is not kind:
            raise error.ReactorAlreadyInstalledError(
                f"the program installs a {type(wanted).__name__}, and `triloop run` has installed "
                f"a {type(reactor).__name__} before: name the program's reactor by --reactor, or "
                "run it by `python`"
            )
        if isinstance(reactor, TornadoReactor) and host_loop_of(wanted) is not reactor.host_loop:
            reactor.move(host_loop_of(wanted))

    main.installReactor = install_reactor


def _install_reactor(name: str) -> None:
    from twisted.application.reactors import NoSuchReactor, installReactor

    try:
        reactor: Any = installReactor(name)
    except NoSuchReactor:
        sys.exit(f"triloop: Twisted has no reactor {name!r}: `twist --help-reactors` lists them")
    except ImportError as missing:
        sys.exit(f"triloop: the reactor {name!r} needs something that is not installed: {missing}")
    reactor.installed_by = BY_COMMAND
    if type(reactor) is not AsyncioSelectorReactor:  # it would not be in the loop that it is given
        _stand_in_with(reactor, type(reactor))
    first = TwistedIOLoop(reactor).install().asyncio_loop

    def make_loop() -> asyncio.AbstractEventLoop:
        fresh = not (first.lifecycle.has_run or first.is_closed())
        return first if fresh else new_event_loop()

    _make_loops_by(make_loop)
