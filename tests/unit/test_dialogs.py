"""Dialogs opened by callbacks: Twisted goes on while one is open, as on its own reactor.

The same dialogs are run on AsyncioSelectorReactor, which is the oracle.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.interfaces import IPullProducer, IReadDescriptor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThreadPool
from zope.interface import implementer

from tests.unit.dialog_loop import PATIENCE, DialogLoop
from triloop import TornadoReactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Program:
    """A reactor in a loop that may be nested, and what has happened so far."""

    def __init__(self, loop: DialogLoop, reactor: Any) -> None:
        self.loop = loop
        self.reactor = reactor
        self.seen: list[str] = []
        self.opened = 0
        self.fars: list[socket.socket] = []

    def see(self, event: str) -> None:
        self.seen.append(event)

    def open_dialog(self, *until: str) -> None:
        """Open a dialog that is closed once all of ``until`` were seen."""
        self.opened += 1
        self.see("opened")
        self.loop.open_dialog(lambda: set(until) <= set(self.seen))
        self.see("closed")

    def pair(self, protocol: Protocol) -> socket.socket:
        """A connection of ``protocol``; returns its far end."""
        near, far = socket.socketpair()
        near.setblocking(False)
        factory = Factory()
        factory.buildProtocol = lambda addr: protocol  # type: ignore[method-assign]
        self.reactor.adoptStreamConnection(near.fileno(), socket.AF_UNIX, factory)
        near.close()
        far.settimeout(10)
        self.fars.append(far)
        return far

    def run(self, *events: str) -> list[str]:
        """Run until all of ``events`` were seen; return all that was seen."""

        self.loop.call_soon(self._look, set(events), self.loop.time() + 2 * PATIENCE)
        self.loop.run_forever()
        assert set(events) <= set(self.seen)
        return self.seen

    def _look(self, events: set[str], end: float) -> None:
        if events <= set(self.seen) or self.loop.time() > end:
            self.loop.stop()
        else:
            self.loop.call_later(0.001, self._look, events, end)

    def close(self) -> None:
        for far in self.fars:
            far.close()
        self.loop.close()


class Speaker(Protocol):
    """Calls ``hear`` with the program and the data."""

    transport: Any

    def __init__(self, hear: Callable[[Speaker, bytes], object]) -> None:
        self.hear = hear

    def dataReceived(self, data: bytes) -> None:
        self.hear(self, data)


@pytest.fixture(autouse=True)
def _strict(nothing_left: None, logged_errors: object) -> None:
    """Nothing is left behind, and no error is only logged."""


@contextmanager
def ours() -> Iterator[Program]:
    loop = DialogLoop()
    with TornadoReactor(loop) as reactor:
        loop.run_until_complete(asyncio.sleep(0))  # its startup events
        program = Program(loop, reactor)
        yield program
    program.close()


@contextmanager
def twisteds() -> Iterator[Program]:
    loop = DialogLoop()
    reactor = AsyncioSelectorReactor(loop)
    reactor.startRunning(installSignalHandlers=False)
    program = Program(loop, reactor)
    yield program
    reactor.fireSystemEvent("shutdown")
    reactor.disconnectAll()
    for reader in list(reactor._internalReaders):
        reactor.removeReader(reader)
        reader.connectionLost(None)
    program.close()


@pytest.fixture(params=[ours, twisteds], ids=["ours", "Twisted's"])
def program(request: pytest.FixtureRequest) -> Iterator[Program]:
    with request.param() as program:
        yield program


def by_timer(program: Program, call: Callable[[], None]) -> None:
    program.reactor.callLater(0, call)


def by_thread(program: Program, call: Callable[[], None]) -> None:
    program.reactor.callFromThread(call)


def by_data(program: Program, call: Callable[[], None]) -> None:
    far = program.pair(Speaker(lambda speaker, data: call()))
    far.send(b"!")


def by_end(program: Program, call: Callable[[], None]) -> None:
    """Ask the user whether to connect again."""
    protocol = Protocol()
    protocol.connectionLost = lambda reason=None: call()  # type: ignore[method-assign]
    program.pair(protocol).close()


def by_asyncio(program: Program, call: Callable[[], None]) -> None:
    program.loop.call_soon(call)


OPENERS = [by_timer, by_thread, by_data, by_end, by_asyncio]
Opener = "Callable[[Program, Callable[[], None]], None]"


@pytest.fixture(params=OPENERS, ids=lambda opener: opener.__name__)
def opener(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_everything_goes_on_in_a_dialog(program: Program, opener: Any) -> None:
    """Timers from before and from in the dialog, other connections, threads and their results."""
    reactor = program.reactor
    echo = program.pair(Speaker(lambda speaker, data: speaker.transport.write(data)))

    def dialog() -> None:
        reactor.callLater(0, program.see, "timer of the callback")
        reactor.callLater(0.01, answer)
        program.open_dialog(*wanted)

    def answer() -> None:
        echo.send(b"hello")
        reactor.callInThread(lambda: echo.recv(100) and reactor.callFromThread(program.see, "echo"))
        program.loop.call_soon(reactor.callLater, 0, program.see, "timer of asyncio's")
        deferToThreadPool(reactor, reactor.getThreadPool(), int).addCallback(
            lambda _: program.see("thread")
        )

    wanted = ["timer of the callback", "echo", "timer of asyncio's", "thread", "timer of before"]
    reactor.callLater(0.02, program.see, "timer of before")
    opener(program, dialog)
    seen = program.run("closed")
    assert seen.index("closed") == len(seen) - 1 == len(wanted) + 1


@pytest.mark.parametrize("others", [by_timer, by_thread])
def test_calls_that_are_due_run_in_the_dialog_and_once(others: Any) -> None:
    """On Twisted's own reactor they wait for the end of the dialog."""
    with ours() as program:
        check_what_is_due_behind(program, others)


def check_what_is_due_behind(program: Program, others: Any) -> None:
    for number in range(2):
        others(program, lambda number=number: program.see(f"before {number}"))
    others(program, lambda: program.open_dialog("after 0", "after 1"))
    for number in range(2):
        others(program, lambda number=number: program.see(f"after {number}"))
    assert program.run("closed") == [
        *("before 0", "before 1", "opened", "after 0", "after 1", "closed")
    ]


def test_writes_before_the_dialog_are_sent(program: Program) -> None:
    """To the connection that is being read, and to another one."""
    other = Protocol()
    far_of_other = program.pair(other)

    def hear(speaker: Speaker, data: bytes) -> None:
        speaker.transport.write(data)
        if data == b"ask":
            other.transport.write(b"asked")  # type: ignore[union-attr]
            program.reactor.callInThread(check)
            program.open_dialog("sent")

    def check() -> None:
        assert far.recv(3) == b"ask"
        assert far_of_other.recv(5) == b"asked"
        program.reactor.callFromThread(program.see, "sent")

    far = program.pair(Speaker(hear))
    for _ in range(2):  # after the first answer, the next ones take the short path
        far.send(b"first")
        program.reactor.callInThread(
            lambda: far.recv(5) and program.reactor.callFromThread(program.see, "warm")
        )
        program.run("warm")
        program.seen.clear()
    far.send(b"ask")
    assert program.run("closed") == ["opened", "sent", "closed"]


@implementer(IPullProducer)
class Asking:
    """Asks the user before it goes on producing."""

    def __init__(self, program: Program, transport: Any) -> None:
        self.program = program
        self.transport = transport
        self.produced = 0

    def resumeProducing(self) -> None:
        self.produced += 1
        if self.produced == 1:
            self.transport.write(b"produced")
            return
        self.transport.unregisterProducer()
        self.program.open_dialog("sent")

    def stopProducing(self) -> None:
        """The connection is closed at the end of the test."""


def test_writes_of_others_are_sent_while_a_producer_is_in_a_dialog(program: Program) -> None:
    asking, other = Protocol(), Protocol()
    program.pair(asking)
    far = program.pair(other)

    def write() -> None:
        asking.transport.registerProducer(Asking(program, asking.transport), False)  # type: ignore[union-attr]
        other.transport.write(b"other")  # type: ignore[union-attr]
        program.reactor.callInThread(
            lambda: far.recv(5) and program.reactor.callFromThread(program.see, "sent")
        )

    program.reactor.callLater(0, write)
    assert program.run("closed") == ["opened", "sent", "closed"]


def test_dialog_within_a_dialog(program: Program, opener: Any) -> None:
    def outer() -> None:
        program.reactor.callLater(0.02, program.see, "timer")
        opener(program, inner)
        program.open_dialog("inner closed", "timer")

    def inner() -> None:
        if program.opened == 1:
            program.reactor.callLater(0.01, program.see, "inner timer")
            program.open_dialog("inner timer")
            program.see("inner closed")

    opener(program, outer)
    program.run("timer")
    while program.seen.count("closed") < 2:
        program.run("closed")
    assert program.opened == 2


def test_other_connections_of_the_same_poll(program: Program) -> None:
    """Some are read in the dialog and some are closed there, each once."""

    def hear(speaker: Speaker, data: bytes) -> None:
        program.see(data.decode())
        if program.opened == 0:
            for number in range(4):
                speakers[number].transport.loseConnection()
            program.open_dialog(*(str(number) for number in range(4, 8)))

    speakers = [Speaker(hear) for _ in range(8)]
    fars = [program.pair(speaker) for speaker in speakers]
    for number, far in enumerate(fars):
        far.send(b"%d" % number)
    seen = program.run("closed")
    numbers = [event for event in seen if event.isdigit()]
    assert len(numbers) == len(set(numbers))


@implementer(IReadDescriptor)
class Pipe:
    """The reading end of a pipe."""

    def __init__(self, read: Callable[[], object], lost: Callable[[], object]) -> None:
        self._fd, self.far = os.pipe()
        self._read = read
        self._lost = lost

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return "pipe"

    def doRead(self) -> None:
        os.read(self._fd, 100)
        self._read()

    def connectionLost(self, reason: object) -> None:
        os.close(self._fd)
        self._lost()


def test_stale_poll_results_are_dropped_after_a_dialog() -> None:
    """The number of a descriptor that was closed in the dialog belongs to another file by then."""
    with ours() as program:
        late: list[Pipe] = []

        def replace() -> None:
            late.append(Pipe(lambda: program.see("late read"), lambda: program.see("late lost")))
            assert late[0].fileno() == lost.fileno()
            program.reactor.addReader(late[0])
            program.see("replaced")

        def ask() -> None:
            if program.opened == 0:
                program.open_dialog("replaced")

        asking = Pipe(ask, lambda: None)
        lost = Pipe(lambda: None, replace)
        for pipe in (asking, lost):
            program.reactor.addReader(pipe)
        os.write(asking.far, b"!")
        os.close(lost.far)
        assert program.run("closed") == ["opened", "replaced", "closed"]
        os.write(late[0].far, b"!")
        program.run("late read")
        assert "late lost" not in program.seen
        for pipe in (asking, late[0]):
            program.reactor.removeReader(pipe)
            pipe.connectionLost(None)
            os.close(pipe.far)


def test_stop_in_a_dialog() -> None:
    with ours() as program:
        program.reactor.addSystemEventTrigger("during", "shutdown", program.see, "shutdown")

        def dialog() -> None:
            program.reactor.callLater(0.01, program.reactor.stop)
            program.open_dialog("shutdown")

        program.reactor.callLater(0, dialog)
        assert program.run("closed") == ["opened", "shutdown", "closed"]


def test_interrupt_in_a_dialog_leaves_the_dialog_and_the_reactor_goes_on() -> None:
    with ours() as program:

        def interrupt() -> None:
            raise KeyboardInterrupt

        def dialog() -> None:
            program.reactor.callLater(0.01, interrupt)
            try:
                program.open_dialog("never")
            except KeyboardInterrupt:
                program.see("interrupted")
            program.reactor.callLater(0.01, program.see, "goes on")

        program.reactor.callLater(0, dialog)
        assert program.run("goes on") == ["opened", "interrupted", "goes on"]
