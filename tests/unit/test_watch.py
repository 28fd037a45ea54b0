"""Of the pollers of a reactor and of the loop in it, the one waits that had work last."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.pollreactor import PollReactor

import triloop
from tests.upstream.loops import dispose_of
from triloop.adapters.asyncio_in_twisted import watch
from triloop.adapters.asyncio_in_twisted.poller import Poller
from triloop.adapters.asyncio_in_twisted.reactors import OwnReactor

#: Waits in a row with work for the reactor alone, after which it waits.
MANY = 8
variable: ContextVar[str] = ContextVar("variable", default="nothing")


class Reader:
    """A socket that a reactor reads; each byte is followed by another, until there were enough."""

    def __init__(self, reactor: Any, reads: int, after: Callable[[], object]) -> None:
        self.reactor, self.reads, self.after = reactor, reads, after
        self.near, self.far = socket.socketpair()
        #: Whether the loop's poller waited, at each read.
        self.seen: list[bool] = []
        reactor.addReader(self)
        self.far.send(b"x")

    def fileno(self) -> int:
        return self.near.fileno()

    def logPrefix(self) -> str:
        return "reader"

    def connectionLost(self, reason: object) -> None: ...

    def doRead(self) -> None:
        self.near.recv(1)
        self.seen.append(loop_waits(self.reactor))
        if len(self.seen) < self.reads:
            self.far.send(b"x")
        else:
            self.reactor.removeReader(self)
            self.near.close()
            self.far.close()
            self.after()


def loop_waits(reactor: Any) -> bool:
    return "doIteration" in vars(reactor)


async def work_for_loop() -> None:
    """Have the loop's poller find something."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.send(b"x")
        await asyncio.get_running_loop().sock_recv(near, 1)
        await asyncio.sleep(0)
        far.send(b"x")
        read: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(near, read.set_result, None)
        await read
        asyncio.get_running_loop().remove_reader(near)


async def work_for_reactor(reactor: Any, reads: int) -> list[bool]:
    """Have the reactor's poller find something, so many times in a row, and nothing the loop's."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    reader = Reader(reactor, reads, lambda: over.set_result(None))
    await over
    return reader.seen


@contextmanager
def reactor_of(kind: Any) -> Iterator[Any]:
    reactor = kind()
    yield reactor
    dispose_of(reactor)


def run(reactor: Any, main: Callable[[], Any]) -> Any:
    with closing(triloop.new_event_loop(reactor)) as loop:
        return loop.run_until_complete(main())


@pytest.mark.parametrize("kind", [EPollReactor, OwnReactor])
def test_the_one_waits_that_had_work_last(kind: Any) -> None:
    with reactor_of(kind) as reactor:

        async def main() -> None:
            for _ in range(2):
                await work_for_loop()
                assert loop_waits(reactor)
                seen = await work_for_reactor(reactor, MANY + 2)
                assert seen == [True] * (MANY - 1) + [False] * 3
            await work_for_loop()
            assert await work_for_reactor(reactor, MANY - 1) == [True] * (MANY - 1)
            await work_for_loop()
            assert await work_for_reactor(reactor, MANY - 1) == [True] * (MANY - 1)

        run(reactor, main)
        assert not loop_waits(reactor)


@pytest.mark.parametrize("kind", [EPollReactor, OwnReactor])
def test_reactor_can_be_iterated_in_a_turn_of_the_loop(kind: Any) -> None:
    with reactor_of(kind) as reactor:

        async def main() -> None:
            await work_for_loop()
            calls: list[str] = []
            Reader(reactor, 1, lambda: calls.append("read"))
            near, far = socket.socketpair()
            with near, far:
                far.send(b"x")  # the loop, which is not turned here, is not to end each wait
                asyncio.get_running_loop().add_reader(near, near.recv, 1)
                await asyncio.sleep(0)
                for _ in range(3):
                    reactor.iterate(0)
                assert calls == ["read"]
                await work_for_loop()
                asyncio.get_running_loop().remove_reader(near)
            await work_for_reactor(reactor, 2)

        run(reactor, main)


def test_code_that_wraps_the_wait_may_keep_it() -> None:
    with reactor_of(EPollReactor) as reactor:
        kept = []

        async def main() -> None:
            await work_for_loop()
            kept.append(reactor.doIteration)
            await work_for_reactor(reactor, MANY)

        run(reactor, main)
        calls: list[str] = []
        Reader(reactor, 1, lambda: calls.append("read"))
        kept[0](0)
        assert calls == ["read"]


def test_no_reader_keeps_the_context_of_a_task() -> None:
    with reactor_of(OwnReactor) as reactor:

        async def main() -> None:
            variable.set("of the task")
            await work_for_loop()
            await work_for_reactor(reactor, MANY)
            assert not loop_waits(reactor)
            contexts = [reader.reactor_context for reader in reactor._internalReaders]
            assert [context.get(variable) for context in contexts] == [None, None]

        variable.set("of the run")
        run(reactor, main)


async def work_for_both(reactor: Any) -> None:
    await work_for_loop()
    assert not loop_waits(reactor)
    assert await work_for_reactor(reactor, 2) == [False, False]


def test_a_reactor_without_an_epoll_waits() -> None:
    with reactor_of(PollReactor) as reactor:
        run(reactor, lambda: work_for_both(reactor))


def test_a_reactor_that_is_a_guest_leaves_the_wait_to_its_host() -> None:
    with closing(asyncio.SelectorEventLoop()) as host, triloop.TornadoReactor(host) as reactor:
        run(reactor, lambda: work_for_both(reactor))


def refuse(*args: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_reactor_goes_on_waiting_if_the_kernel_refuses_the_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Poller, "watch_inner", refuse)
    with reactor_of(EPollReactor) as reactor:
        run(reactor, lambda: work_for_both(reactor))


def test_the_loop_goes_on_waiting_if_the_kernel_refuses_the_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with reactor_of(EPollReactor) as reactor:

        async def main() -> None:
            await work_for_loop()
            with monkeypatch.context() as patched:
                patched.setattr(watch, "add_internal_reader", refuse)
                assert await work_for_reactor(reactor, MANY + 2) == [True] * (MANY + 2)
            await work_for_loop()

        run(reactor, main)
