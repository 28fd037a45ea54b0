"""Twisted on Tornado and asyncio: a reactor that is the guest of an asyncio loop."""

from __future__ import annotations

import asyncio
import socket
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tornado.ioloop import IOLoop
from twisted.internet import error
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import DelayedCall, ReactorBase
from twisted.internet.main import installReactor
from twisted.internet.posixbase import PosixReactorBase

from triloop.adapters import streams
from triloop.adapters.asyncio_host import AsyncioHost
from triloop.adapters.dispatch import LeanReactor
from triloop.adapters.timers import TimedCalls
from triloop.embedding import Embedding
from triloop.signals import ChildWatch, ReactorSignals

__all__ = ["TornadoReactor", "install"]

class ReactorGuest:
    """A poll reactor as a :class:`~triloop.protocol.Guest`."""

    def __init__(self, reactor: TornadoReactor) -> None:
        self._reactor = reactor

    def fileno(self) -> int:
        """The descriptor of the reactor's own epoll or kqueue."""
        return self._reactor.descriptor()

    def deadline(self) -> float | None:
        """Seconds until the next timed call; 0 also for calls of other threads and a stop."""
        reactor = self._reactor
        if not reactor._started:
            return None
        if reactor._early or reactor.threadCallQueue or reactor._justStopped:
            return 0
        return reactor.timeout()

    def turn(self) -> None:
        """One pass of Twisted's main loop; I/O first, so that what it schedules runs at once."""
        reactor = self._reactor
        reactor.doIteration(0)
        reactor.runUntilCurrent()
        if reactor._early:
            reactor.flush()
        if reactor._iterating:
            reactor._asyncioEventloop.stop()


class TornadoReactor(TimedCalls, LeanReactor, AsyncioSelectorReactor):
    """A Twisted reactor that runs inside an asyncio loop, and so inside Tornado's.

    It is Twisted's own poll reactor, nested: its epoll (or kqueue) descriptor is watched by
    the loop, which gives the reactor a turn whenever that is readable or a timed call is due.
    Startup events fire when the loop starts to run, whoever starts it; ``reactor.run()`` runs
    the loop. The reactor follows the running loop: used inside another one while its own does
    not run, it moves there.

    It is an instance of Twisted's ``AsyncioSelectorReactor``, for those who ask, and shows the
    loop as ``_asyncioEventloop``, as that one does.

    As a context manager it is cleaned up at the end of the block; without one, call
    ``fireSystemEvent("shutdown")`` and ``disconnectAll()``.

    :param io_loop: a Tornado IOLoop, an asyncio loop, or None for the current one.
    :raises TypeError: when ``io_loop`` is neither.

    All methods belong to the loop's thread, save ``callFromThread`` and ``wakeUp``.
    """

    def __init__(self, io_loop: IOLoop | asyncio.AbstractEventLoop | None = None) -> None:
        self._asyncioEventloop = _asyncio_loop(io_loop)
        # Inside a loop that somebody else runs, the end of the reactor is not the end of it.
        self._owns_run = not self._asyncioEventloop.is_running()
        self._iterating = False
        self._handles_signals = False
        self._start_handle: asyncio.Handle | None = None
        self._guest = ReactorGuest(self)
        self._embedding = Embedding(AsyncioHost(self._asyncioEventloop), self._guest)
        self._children = ChildWatch(self)
        super().__init__()
        self._schedule_start()

    def __enter__(self) -> TornadoReactor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.fireSystemEvent("shutdown")
        self.disconnectAll()

    # The loop

    def _schedule_start(self) -> None:
        """Have the loop fire the startup events as soon as it runs."""
        if self._start_handle is not None:
            self._start_handle.cancel()
        self._start_handle = self._asyncioEventloop.call_soon(self._start)

    def _start(self) -> None:
        self._start_handle = None
        if not self._started and not self._startedBefore:
            self.startRunning(self._handles_signals)

    def _follow(self) -> None:
        """Move to the running loop, if that is another one than the reactor's own."""
        running = asyncio._get_running_loop()
        if running is None or running is self._asyncioEventloop or self._embedding.turning:
            return
        if self._asyncioEventloop.is_running():
            raise RuntimeError(
                f"this reactor runs in {self._asyncioEventloop!r} and was used in {running!r}: "
                "use callFromThread from another thread, or make a TornadoReactor for that loop"
            )
        self._move(running)

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        self._embedding.detach()
        self._asyncioEventloop = loop
        self._owns_run = not loop.is_running()
        self._embedding = Embedding(AsyncioHost(loop), self._guest)
        if self._started:
            self._embedding.attach()
        else:
            self._schedule_start()

    # IReactorCore

    def run(self, installSignalHandlers: bool = True) -> None:
        """Run the loop, and the reactor in it, until ``stop()``.

        :param installSignalHandlers: whether SIGINT and SIGTERM shall stop the reactor.
        :raises RuntimeError: when the loop runs already; the reactor does too, then.
        """
        if self._started:
            raise error.ReactorAlreadyRunning()
        if self._startedBefore:
            raise error.ReactorNotRestartable()
        if self._asyncioEventloop.is_closed():
            self._move(_asyncio_loop(None))
        if asyncio._get_running_loop() is not None or self._asyncioEventloop.is_running():
            raise RuntimeError(
                f"{self._asyncioEventloop!r} runs already, and this reactor in it: leave out "
                "reactor.run() and await what you wait for (a Deferred can be awaited)"
            )
        self._handles_signals = installSignalHandlers
        self._owns_run = True
        self._schedule_start()
        try:
            self._asyncioEventloop.run_forever()
        finally:
            self._handles_signals = False
            self._signals.uninstall()

    def startRunning(self, installSignalHandlers: bool = True) -> None:
        """Fire the startup events and begin to take turns in the loop."""
        ReactorBase.startRunning(self, installSignalHandlers)
        if self._started:
            self._embedding.attach()

    def stop(self) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorCore.stop`."""
        ReactorBase.stop(self)
        self._embedding.wake()

    def fireSystemEvent(self, eventType: str) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorCore.fireSystemEvent`.

        The last thing that the shutdown does is to close the reactor's own descriptors.
        """
        if eventType == "shutdown":
            self.addSystemEventTrigger("after", "shutdown", self.close)
        ReactorBase.fireSystemEvent(self, eventType)

    def close(self) -> None:
        """Give back the reactor's own descriptors; it leaves its loop first. Idempotent."""
        self._embedding.detach()
        if self._start_handle is not None:
            self._start_handle.cancel()
            self._start_handle = None
        self._children.clear()
        LeanReactor.close(self)

    def crash(self) -> None:
        """Leave the loop at once, and end its run if that began with this reactor's."""
        ReactorBase.crash(self)
        self._embedding.detach()
        if self._owns_run and self._asyncioEventloop.is_running():
            self._asyncioEventloop.stop()

    def iterate(self, delay: float = 0.0) -> None:
        """Run timed calls, then wait for I/O of either world, ``delay`` seconds at the most."""
        self.runUntilCurrent()
        loop = self._asyncioEventloop
        if loop.is_running() or asyncio._get_running_loop() is not None:
            self.doIteration(delay)
        else:
            self._iterate_loop(delay)

    def _iterate_loop(self, delay: float) -> None:
        """Run the loop until the reactor has had a turn or ``delay`` seconds have passed."""
        loop = self._asyncioEventloop
        if self._start_handle is not None:
            self._start_handle.cancel()
        due = self.timeout()
        end = loop.call_later(delay if due is None else min(delay, due), loop.stop)
        passing = Embedding(AsyncioHost(loop), self._guest)
        self._iterating = True
        self._embedding.detach()
        passing.attach()
        try:
            loop.run_forever()
        finally:
            passing.detach()
            end.cancel()
            self._iterating = False
            if self._started:
                self._embedding.attach()
            elif self._start_handle is not None:
                self._schedule_start()

    # IReactorTime, IReactorThreads, IReactorFDSet

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> DelayedCall:
        """See :meth:`twisted.internet.interfaces.IReactorTime.callLater`; ``delay`` in seconds."""
        call = TimedCalls.callLater(self, delay, callable, *args, **kw)
        if not self._embedding.turning:
            self._follow()
            self._embedding.wake()
        return call

    def _moveCallLaterSooner(self, call: DelayedCall) -> None:
        TimedCalls._moveCallLaterSooner(self, call)
        self._embedding.wake()

    callFromThread = ReactorBase.callFromThread

    def addReader(self, reader: Any) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorFDSet.addReader`."""
        self._follow()
        LeanReactor.addReader(self, reader)

    def addWriter(self, writer: Any) -> None:
        """See :meth:`twisted.internet.interfaces.IReactorFDSet.addWriter`."""
        self._follow()
        LeanReactor.addWriter(self, writer)

    def write_early(self, stream: streams.EarlyWriter) -> None:
        """Call ``doWrite`` of ``stream`` once the present callback has returned."""
        LeanReactor.write_early(self, stream)
        if not self._embedding.turning:
            self._follow()
            self._embedding.wake()

    # IReactorTCP, IReactorUNIX, IReactorSocket: the lean transports

    def listenTCP(
        self, port: int, factory: Any, backlog: int = 50, interface: str = ""
    ) -> streams.Port:
        """See :meth:`twisted.internet.interfaces.IReactorTCP.listenTCP`."""
        listening = streams.Port(port, factory, backlog, interface, self)
        listening.startListening()
        return listening

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> streams.Connector:
        """See :meth:`twisted.internet.interfaces.IReactorTCP.connectTCP`; timeout in seconds."""
        connector = streams.Connector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    def listenUNIX(
        self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: bool = False
    ) -> streams.UNIXPort:
        """See :meth:`twisted.internet.interfaces.IReactorUNIX.listenUNIX`."""
        listening = streams.UNIXPort(address, factory, backlog, mode, self, wantPID)
        listening.startListening()
        return listening

    def connectUNIX(
        self, address: Any, factory: Any, timeout: float = 30, checkPID: bool = False
    ) -> streams.UNIXConnector:
        """See :meth:`twisted.internet.interfaces.IReactorUNIX.connectUNIX`; timeout in seconds."""
        connector = streams.UNIXConnector(address, factory, timeout, self, checkPID)
        connector.connect()
        return connector

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """See :meth:`twisted.internet.interfaces.IReactorSocket.adoptStreamPort`."""
        self._check_family(addressFamily)
        listening: Any
        if addressFamily == socket.AF_UNIX:
            listening = streams.UNIXPort._fromListeningDescriptor(self, fileDescriptor, factory)
        else:
            listening = streams.Port._fromListeningDescriptor(
                self, fileDescriptor, addressFamily, factory
            )
        listening.startListening()
        return listening

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """See :meth:`twisted.internet.interfaces.IReactorSocket.adoptStreamConnection`."""
        self._check_family(addressFamily)
        if addressFamily == socket.AF_UNIX:
            return streams.UNIXServer._fromConnectedSocket(fileDescriptor, factory, self)
        return streams.Server._fromConnectedSocket(fileDescriptor, addressFamily, factory, self)

    def _check_family(self, family: int) -> None:
        if family not in self._supportedAddressFamilies:
            raise error.UnsupportedAddressFamily(family)

    # IReactorProcess

    def _signalsFactory(self) -> Any:
        if ChildWatch.supported():
            return ReactorSignals(self)
        return PosixReactorBase._signalsFactory(self)

    def spawnProcess(self, *args: Any, **kw: Any) -> Any:
        """See :meth:`twisted.internet.interfaces.IReactorProcess.spawnProcess`."""
        process = PosixReactorBase.spawnProcess(self, *args, **kw)
        self._children.add(process)
        return process


def _asyncio_loop(io_loop: IOLoop | asyncio.AbstractEventLoop | None) -> asyncio.AbstractEventLoop:
    """The asyncio loop that is meant by ``io_loop``."""
    if io_loop is None:
        running = asyncio._get_running_loop()
        io_loop = running if running is not None else IOLoop.current()
    loop = getattr(io_loop, "asyncio_loop", io_loop)
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise TypeError(
            f"a TornadoReactor needs a Tornado IOLoop or an asyncio event loop; got {io_loop!r}"
        )
    return loop


def install(io_loop: IOLoop | asyncio.AbstractEventLoop | None = None) -> TornadoReactor:
    """Make a :class:`TornadoReactor` the global one, ``twisted.internet.reactor``.

    Call it before anything imports that name.

    :param io_loop: a Tornado IOLoop, an asyncio loop, or None for the current one.
    :returns: the reactor.
    :raises twisted.internet.error.ReactorAlreadyInstalledError: when there is a global reactor
        already; the message names it and, where that can be known, the import that did it.
    """
    installed = sys.modules.get("twisted.internet.reactor")
    if installed is not None:
        raise error.ReactorAlreadyInstalledError(_already_installed(installed))
    reactor = TornadoReactor(io_loop)
    caller = traceback.extract_stack(limit=2)[0]
    reactor._installed_by = f"triloop.install() at {caller.filename}:{caller.lineno}"
    installReactor(reactor)
    return reactor


def _already_installed(installed: object) -> str:
    kind = f"{type(installed).__module__}.{type(installed).__qualname__}"
    message = f"{kind} is installed already"
    origin = getattr(installed, "_installed_by", None) or _first_importer(installed)
    if origin:
        message += f", by {origin}"
    return f"{message}. Call triloop.install() before anything imports twisted.internet.reactor."


def _first_importer(installed: object) -> str | None:
    """The first module, in the order of import, that holds the global reactor by its name."""
    for name, module in list(sys.modules.items()):
        if not name.startswith("twisted.") and getattr(module, "reactor", None) is installed:
            return f"the import of it in {name}"
    return None
