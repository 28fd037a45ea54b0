"""Reactors that start with a loop, however it is run: ``starting_script.py PROGRAM``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from twisted.internet.main import installReactor
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo

import triloop
from tests.interop.programs import run_program

PATIENCE = 20


def listen(reactor: Any) -> int:
    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    return int(port.getHost().port)


async def ask(number: int) -> bytes:
    """Ask a server of Twisted's, with asyncio only."""
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    writer.write(b"x")
    with contextlib.closing(writer):
        return await asyncio.wait_for(reader.read(1), PATIENCE)


def run_bare(loop: asyncio.AbstractEventLoop, number: int) -> bytes:
    """Run a loop that is never made current."""
    with contextlib.closing(loop):
        return loop.run_until_complete(ask(number))


def run_forever(number: int) -> bytes:
    with contextlib.closing(asyncio.SelectorEventLoop()) as loop:
        task = loop.create_task(ask(number))
        task.add_done_callback(lambda _: loop.stop())
        loop.run_forever()
        return task.result()


def a_loop_that_was_never_current_has_what_waits_for_the_reactor() -> None:
    """Nothing of the reactor is used inside the loop, and it was not install() that made it."""
    with contextlib.closing(asyncio.new_event_loop()) as own:
        reactor = triloop.TornadoReactor(own)
        installReactor(reactor)
        number = listen(reactor)
        ways: list[Callable[[], bytes]] = [
            lambda: run_bare(asyncio.new_event_loop(), number),
            lambda: run_bare(uvloop.new_event_loop(), number),
            lambda: run_forever(number),
            lambda: own.run_until_complete(ask(number)),
        ]
        for run in ways:
            assert run() == b"x"
            assert reactor.running
        # A loop inside the reactor, too: that runs only while its own loop does.
        nested = triloop.new_event_loop()
        assert nested.reactor is reactor
        assert not nested.is_running()
        assert run_bare(nested, number) == b"x"


def reactor_run_goes_on_where_its_loop_has_left_it() -> None:
    own, temporary = asyncio.new_event_loop(), asyncio.new_event_loop()
    asyncio.set_event_loop(own)
    reactor = triloop.install()
    number = listen(reactor)
    starts: list[int] = []
    reactor.callWhenRunning(starts.append, 1)
    for loop in (own, temporary):
        assert loop.run_until_complete(ask(number)) == b"x"
    temporary.close()
    assert reactor.running

    async def end() -> None:
        said.append(await ask(number))
        os.kill(os.getpid(), signal.SIGTERM)

    said: list[Any] = []
    reactor.addSystemEventTrigger("before", "shutdown", said.append, "shut down")
    task = own.create_task(end())  # the current loop is the one that reactor.run() runs
    reactor.run()
    assert task.done()
    assert said == [b"x", "shut down"]
    assert starts == [1]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    own.close()


def reactor_run_goes_on_though_the_current_loop_is_closed() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    reactor = triloop.install()
    number = listen(reactor)
    assert run_bare(loop, number) == b"x"
    said: list[bytes] = []
    reactor.callLater(0, lambda: triloop.as_deferred(ask(number)).addCallback(note, said, reactor))
    reactor.run()
    assert said == [b"x"]


def note(answer: bytes, said: list[bytes], reactor: Any) -> None:
    said.append(answer)
    reactor.stop()


def a_block_in_a_task_does_not_end_the_run_of_the_reactor() -> None:
    reactor = triloop.install()
    events: list[str] = []
    reactor.addSystemEventTrigger("before", "shutdown", events.append, "shut down")

    async def use() -> None:
        async with triloop.attached():
            events.append("in the block")
        events.append("after it")
        reactor.stop()

    triloop.as_deferred(use())
    reactor.run()
    assert events == ["in the block", "after it", "shut down"]


def run_ends_a_reactor_that_was_installed_on_its_loop() -> None:
    loop = asyncio.new_event_loop()
    reactor = triloop.install(loop)
    events: list[str] = []
    reactor.addSystemEventTrigger("before", "shutdown", events.append, "shut down")

    async def main() -> None:
        events.append("main")

    triloop.run(main(), loop_factory=lambda: loop)
    assert events == ["main", "shut down"]
    assert loop.is_closed()
    assert not reactor.running


def work_for_a_loop_is_warned_of_when_another_one_runs() -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    reactor = triloop.install()
    done: list[int] = []

    async def work() -> int:
        await asyncio.sleep(0)
        return 1

    for eager in (False, True):
        triloop.as_deferred(work(), eager=eager).addCallback(done.append)
        with pytest.warns(RuntimeWarning, match=rf"{__file__}:\d+ gave work to") as told:
            asyncio.run(asyncio.sleep(0))
        assert [one.filename for one in told] == [__file__]
        asyncio.run(asyncio.sleep(0))  # a second warning would be an error here
        loop.run_until_complete(asyncio.sleep(0.01))
        asyncio.set_event_loop(loop)
    assert done == [1, 1]
    # The work of a parent is not that of its child.
    triloop.as_deferred(work())
    pid = os.fork()
    if pid == 0:
        asyncio.run(asyncio.sleep(0))
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    loop.run_until_complete(asyncio.sleep(0.01))
    # The loop that runs first is the one.
    triloop.as_deferred(work()).addCallback(done.append)
    reactor.callLater(0.01, reactor.stop)
    reactor.run()
    assert done == [1, 1, 1]
    loop.close()


if __name__ == "__main__":
    run_program(globals())
