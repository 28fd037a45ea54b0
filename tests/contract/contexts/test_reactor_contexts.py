"""A TornadoReactor's contexts are entered once, never shared, and not kept alive."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Context, ContextVar, Token
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.internet.threads import deferToThreadPool
from zope.interface import implementer

from tests.contract.contexts import peers
from tests.contract.contexts.places import ASKER, EMPTY, OWN, var, within
from tests.contract.worlds import as_global_reactor
from triloop import TornadoReactor, as_future

request: ContextVar[object] = ContextVar("request")


def play(main: Callable[[Any], Awaitable[object]]) -> None:
    """Run ``main`` with a reactor in its loop, in an empty context."""

    async def whole() -> None:
        with TornadoReactor() as reactor, as_global_reactor(reactor):
            await asyncio.wait_for(main(reactor), 20)

    Context().run(asyncio.run, whole())
    peers.wait_for_all()


@contextlib.asynccontextmanager
async def served(reactor: Any, protocol: Callable[[], Protocol]) -> Any:
    """The address of a port that makes such protocols."""
    port = reactor.listenTCP(0, Factory.forProtocol(protocol), interface="127.0.0.1")
    yield ("127.0.0.1", port.getHost().port)
    await as_future(port.stopListening())


class Resetting(Protocol):
    """Sets the variable when it receives something, and resets it when the connection is lost."""

    def __init__(self, ended: asyncio.Future[str]) -> None:
        self.ended = ended
        self.token: Token[str] | None = None

    def dataReceived(self, data: bytes) -> None:
        self.token = var.set(OWN)

    def connectionLost(self, reason: object = None) -> None:
        assert self.token is not None
        var.reset(self.token)
        self.ended.set_result(var.get())


def test_token_of_a_connection_is_valid_until_its_end() -> None:
    async def main(reactor: Any) -> None:
        ended = asyncio.get_running_loop().create_future()
        async with served(reactor, lambda: Resetting(ended)) as address:
            peers.connecting(address, peers.say)
            assert await ended == EMPTY

    play(main)


@pytest.mark.parametrize("method", ["loseConnection", "abortConnection"])
def test_token_is_valid_when_other_code_ends_the_connection(method: str) -> None:
    async def main(reactor: Any) -> None:
        ended = asyncio.get_running_loop().create_future()

        class Ended(Resetting):
            def dataReceived(self, data: bytes) -> None:
                super().dataReceived(data)
                within("another", reactor.callLater, 0, getattr(self.transport, method))

        async with served(reactor, lambda: Ended(ended)) as address:
            peers.connecting(address, peers.stay)
            assert await ended == EMPTY

    play(main)


def test_token_of_a_process_is_valid_until_its_end() -> None:
    async def main(reactor: Any) -> None:
        ended = asyncio.get_running_loop().create_future()

        class Child(ProcessProtocol):
            def outReceived(self, data: bytes) -> None:
                self.token = var.set(OWN)

            def processEnded(self, reason: object) -> None:
                var.reset(self.token)
                ended.set_result(var.get())

        child = Child()
        within(ASKER, reactor.spawnProcess, child, "/bin/sh", ["sh", "-c", "echo x"], env={})
        assert await ended == ASKER

    play(main)


def test_connection_that_is_read_from_within_its_own_callback() -> None:
    """``iterate`` reads the same connection, whose context has been entered already."""

    async def main(reactor: Any) -> None:
        ended = asyncio.get_running_loop().create_future()
        seen = []

        class Iterating(Protocol):
            transport: Any

            def dataReceived(self, data: bytes) -> None:
                seen.append((data, var.get()))
                if data == b"x":
                    self.token = var.set(OWN)
                    self.transport.write(b"more, please")
                    while len(seen) < 2:
                        reactor.iterate(0.01)
                    var.reset(self.token)

            def connectionLost(self, reason: object = None) -> None:
                ended.set_result(var.get())

        async with served(reactor, Iterating) as address:
            peers.connecting(address, peers.say_twice)
            assert await ended == EMPTY
        assert seen == [(b"x", EMPTY), (b"y", OWN)]

    play(main)


def test_connections_that_are_accepted_from_within_another() -> None:
    """Each has its own context, and that of the port does not change."""

    async def main(reactor: Any) -> None:
        made: list[str] = []
        lost: list[str] = []
        ended = asyncio.get_running_loop().create_future()

        class Nested(Protocol):
            def connectionMade(self) -> None:
                made.append(var.get())
                var.set(OWN)
                if len(made) == 1:
                    peers.connecting(address, peers.say)
                    while len(made) < 2:
                        reactor.iterate(0.01)

            def connectionLost(self, reason: object = None) -> None:
                lost.append(var.get())
                if len(lost) == 2:
                    ended.set_result(None)

        async with served(reactor, Nested) as address:
            peers.connecting(address, peers.say)
            await ended
        assert (made, lost) == ([EMPTY, EMPTY], [OWN, OWN])

    play(main)


class Thing:
    """An object in the context of a request."""


def test_reactor_keeps_no_request_alive() -> None:
    """The reactor is installed, used and woken in the request."""

    async def whole() -> None:
        reactors: list[Any] = []
        gone = weakref.ref(await asyncio.create_task(use(reactors)))
        await asyncio.sleep(0.05)
        gc.collect()
        try:
            assert gone() is None
        finally:
            reactors[0].__exit__(None, None, None)

    async def use(reactors: list[Any]) -> Thing:
        thing = Thing()
        request.set(thing)
        reactor: Any = TornadoReactor()
        reactors.append(reactor)
        await asyncio.sleep(0.01)
        reactor.callLater(0, lambda: None)
        reactor.callFromThread(lambda: None)
        await as_future(deferToThreadPool(reactor, reactor.getThreadPool(), lambda: None))
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        await as_future(port.stopListening())
        reactor.callLater(5, lambda: None).cancel()
        return thing

    Context().run(asyncio.run, whole())


@implementer(IReadDescriptor)
class Reader:
    """Notes the context when there is something to read."""

    def __init__(self, reactor: Any, file: Any, seen: asyncio.Future[str]) -> None:
        self.reactor, self.file, self.seen = reactor, file, seen

    def fileno(self) -> int:
        number: int = self.file.fileno()
        return number

    def logPrefix(self) -> str:
        return "-"

    def doRead(self) -> None:
        self.reactor.removeReader(self)
        self.seen.set_result(var.get())

    def connectionLost(self, reason: object) -> None:
        """Do nothing."""


class Slotted(Reader):
    """A selectable that takes no attributes."""

    __slots__ = ("file", "reactor", "seen")

    def __setattr__(self, name: str, value: object) -> None:
        if name not in Slotted.__slots__:
            raise AttributeError(name)
        super().__setattr__(name, value)


@contextlib.contextmanager
def readable() -> Iterator[socket.socket]:
    here, there = socket.socketpair()
    with here, there:
        there.send(b"x")
        yield here


@pytest.mark.parametrize(("kind", "context"), [(Reader, ASKER), (Slotted, EMPTY)])
def test_selectable_of_an_application(kind: type[Reader], context: str) -> None:
    async def main(reactor: Any) -> None:
        seen = asyncio.get_running_loop().create_future()
        with readable() as file:
            within(ASKER, reactor.addReader, kind(reactor, file, seen))
            assert await seen == context

    play(main)


def test_reader_that_is_added_again_keeps_its_context() -> None:
    """It does not run in the context of the code that resumes a paused producer."""

    async def main(reactor: Any) -> None:
        seen = asyncio.get_running_loop().create_future()
        with readable() as file:
            reader = Reader(reactor, file, seen)
            within(ASKER, reactor.addReader, reader)
            reactor.removeReader(reader)
            within("another", reactor.addReader, reader)
            assert await seen == ASKER

    play(main)


def test_file_that_epoll_does_not_take(tmp_path: Path) -> None:
    """All such files are read by one timed call of the reactor."""

    async def main(reactor: Any) -> None:
        loop = asyncio.get_running_loop()
        path = tmp_path / "file"
        path.write_text("x")
        with path.open("rb") as file, path.open("rb") as other:
            first, second = loop.create_future(), loop.create_future()
            within("another", reactor.addReader, Reader(reactor, other, first))
            within(ASKER, reactor.addReader, Reader(reactor, file, second))
            assert (await first, await second) == ("another", ASKER)

    play(main)


def test_disconnect_all_calls_each_connection_in_its_context() -> None:
    async def main(reactor: Any) -> None:
        ended = asyncio.get_running_loop().create_future()

        class Ending(Resetting):
            def dataReceived(self, data: bytes) -> None:
                super().dataReceived(data)
                within("another", reactor.callLater, 0, reactor.disconnectAll)

        port = reactor.listenTCP(
            0, Factory.forProtocol(lambda: Ending(ended)), interface="127.0.0.1"
        )
        peers.connecting(("127.0.0.1", port.getHost().port), peers.stay)
        assert await ended == EMPTY

    play(main)
