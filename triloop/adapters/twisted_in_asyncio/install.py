"""``triloop.install()``: a TornadoReactor as the global reactor."""

from __future__ import annotations

import asyncio
import sys
from typing import TypeGuard

from tornado.ioloop import IOLoop
from tornado.netutil import Resolver
from twisted.internet import error
from twisted.internet.main import installReactor

from triloop.adapters.twisted_in_asyncio.host import asyncio_loop
from triloop.adapters.twisted_in_asyncio.names import serves_twisted
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor
from triloop.embedding import TURN_BUDGET
from triloop.origins import BY_COMMAND, described, remember
from triloop.private.cpython import current_loop, running_loop
from triloop.private.scrapy import wanted_loop
from triloop.registry import deciding

__all__ = ["install"]


def install(
    io_loop: IOLoop | asyncio.AbstractEventLoop | None = None,
    *,
    restartable: bool = False,
    resolver: bool = False,
    turn_budget: float = TURN_BUDGET,
) -> TornadoReactor:
    """Make a :class:`TornadoReactor` the global one, ``twisted.internet.reactor``.

    Call it before anything imports that name. Where the thread has no current asyncio loop, the
    reactor's becomes it.

    Args:
        io_loop: A Tornado IOLoop, an asyncio loop, or None for the current one.
        restartable: Whether ``reactor.run()`` may be called again after ``reactor.stop()``.
        resolver: Whether Twisted and Tornado look names up by :class:`triloop.TwistedResolver`,
            without threads; this calls ``Resolver.configure("triloop.TwistedResolver")``, unless
            the application has configured such a resolver before.
        turn_budget: For how long the reactor may keep the loop from its own I/O while it has work
            ready, in seconds; see :class:`TornadoReactor`.

    Returns:
        The reactor. In a program that ``triloop run`` runs, that is the one it has installed.

    Raises:
        twisted.internet.error.ReactorAlreadyInstalledError: There is a global reactor already;
            the message names it and, where that can be known, the line that did it.
        TypeError, ValueError, RuntimeError: As from :class:`TornadoReactor`.
    """
    with deciding:
        installed = sys.modules.get("twisted.internet.reactor")
        if io_loop is None:
            io_loop = wanted_loop(sys._getframe(1))
        if installed is None:
            reactor = TornadoReactor(io_loop, restartable=restartable, turn_budget=turn_budget)
            remember(reactor)
            installReactor(reactor)
        elif _is_provided(installed) and not restartable and turn_budget == TURN_BUDGET:
            reactor = installed
            if io_loop is not None:
                reactor.move(asyncio_loop(io_loop))
        else:
            raise error.ReactorAlreadyInstalledError(_already_installed(installed))
    _make_current(reactor.host_loop)
    if resolver and not serves_twisted(Resolver.configured_class()):
        Resolver.configure("triloop.TwistedResolver")
    return reactor


def _make_current(loop: asyncio.AbstractEventLoop) -> None:
    """Make it the current loop of the thread, if there is none.

    Else ``asyncio.get_event_loop()`` and ``IOLoop.current()``, called before the run, would make
    another one, which does not run.
    """
    if running_loop() is None and current_loop() is None:
        asyncio.set_event_loop(loop)


def _is_provided(installed: object) -> TypeGuard[TornadoReactor]:
    """Whether ``triloop run`` has installed this reactor, for a program that may do so itself."""
    return isinstance(installed, TornadoReactor) and installed.installed_by == BY_COMMAND


def _already_installed(installed: object) -> str:
    if isinstance(installed, TornadoReactor):
        return (
            f"{described(installed)} is the global reactor already. Use that: by `from "
            "twisted.internet import reactor`, or by `async with triloop.attached() as reactor`"
        )
    return (
        f"{described(installed)} is the global reactor already. Call triloop.install() before "
        "that, or have asyncio and Tornado run inside it: by triloop.new_event_loop(reactor) or "
        "triloop.TwistedIOLoop().install()"
    )
