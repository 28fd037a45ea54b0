"""Raises an exception in a callback of Twisted's, and records the outcome."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from tests.contract.worlds import as_global_reactor
from tests.property.interrupts.outcome import Outcome, noting
from tests.property.interrupts.stage import Stage
from tests.property.interrupts.twisted_callbacks import CALLBACKS
from triloop import TornadoReactor

__all__ = ["on_loop", "on_reactor"]

#: Passes of the reactor after which everything has happened; and the same for a child.
CHILD = {"outReceived", "errReceived", "childConnectionLost", "processExited", "processEnded"}
PASSES, PATIENCE = 8, 1000


class Echo(Protocol):
    """A bystander."""

    transport: Any

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


@implementer(ILogObserver)
class Sweep:
    """One exception in one callback, with bystanders."""

    def __init__(self, reactor: Any, callback: str, exception: BaseException) -> None:
        self.stage = Stage(reactor)
        self.reactor = reactor
        self.exception = exception
        self.raised = False
        self.passes = 0
        self.logged: list[str] = []
        self.left: list[str] = []
        self.told: tuple[str, ...] = ()
        self.others: list[bytes] = []
        self.finish: Callable[[], object] = reactor.stop
        self.waits = callback in CHILD
        self.provoke = CALLBACKS[callback](self.stage, self.fail)
        echoes = [self.echo() for _ in range(3)]
        self.transports = [transport for transport, _ in echoes]
        self.far = [far for _, far in echoes]
        globalLogPublisher.addObserver(self)
        reactor.callLater(0.001, self.begin)

    def __call__(self, event: LogEvent) -> None:
        """Note an error that was logged."""
        failure = event.get("log_failure", event.get("failure"))
        if failure is not None:
            self.logged.append(failure.type.__name__)

    def echo(self) -> tuple[Any, socket.socket]:
        near, far = self.stage.pair()
        return self.stage.adopt(Echo(), near), far

    def fail(self) -> None:
        self.raised = True
        raise self.exception

    def begin(self) -> None:
        """Have the bystanders write and be written to in the turn that is interrupted."""
        for transport, far in zip(self.transports, self.far, strict=True):
            transport.write(b"written ")
            far.sendall(b"received")
        try:
            self.provoke()
        finally:
            self.reactor.callLater(0.003, self.look)  # after the calls of the provoked callback

    def look(self) -> None:
        self.passes += 1
        waits = not self.raised or (self.waits and "processEnded" not in self.stage.told)
        if self.passes < PASSES or (waits and self.passes < PATIENCE):
            self.reactor.callLater(0.001 if waits else 0, self.look)
        else:
            self.note()

    def note(self) -> None:
        """Record what the bystanders received; then end the run."""
        self.told = tuple(self.stage.told)
        for far in self.far:
            far.settimeout(0)
            try:
                self.others.append(far.recv(100))
            except BlockingIOError:
                self.others.append(b"")
        self.finish()

    def play(self, run: Callable[[], object]) -> Outcome:
        """Run, and run again what is interrupted, until all is over."""
        while self.others == [] and len(self.left) < 5:
            with noting(self.left):
                run()
        return Outcome(tuple(self.left), tuple(self.logged), self.told, tuple(self.others))

    def close(self) -> None:
        """Close what the reactor, which is shut down, has not closed."""
        globalLogPublisher.removeObserver(self)
        self.stage.close()


def on_reactor(reactor: Any, callback: str, exception: BaseException) -> Outcome:
    """On a reactor that owns the thread."""
    sweep = Sweep(reactor, callback, exception)
    outcome = sweep.play(reactor.run)
    sweep.close()
    return outcome


def on_loop(loop: asyncio.AbstractEventLoop, callback: str, exception: BaseException) -> Outcome:
    """On a reactor inside a loop, which is run again when something has left it, and closed."""
    with TornadoReactor(loop) as reactor, as_global_reactor(reactor):
        sweep = Sweep(reactor, callback, exception)
        sweep.finish = loop.stop
        outcome = sweep.play(loop.run_forever)
    loop.close()
    sweep.close()
    return outcome
