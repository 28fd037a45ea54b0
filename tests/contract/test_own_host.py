"""A Twisted reactor and an asyncio loop on a host that an application brings."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ReactorAlreadyRunning
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

import triloop

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0

Callback = Callable[[], object]


class Request:
    def __init__(self, cancelled: Callback = lambda: None) -> None:
        self.active = True
        self._cancelled = cancelled

    def cancel(self) -> None:
        if self.active:
            self.active = False
            self._cancelled()


class Host:
    """The smallest loop that can be a host."""

    nests = False

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.calls: list[tuple[float, int, Request, Callback]] = []
        self.reason: BaseException | None = None
        self.is_over = False
        self._numbers = itertools.count()
        self._wakes, self._waker = os.pipe()
        self._from_threads: list[Callback] = []
        self.watch(self._wakes, self._woken)

    def watch(self, fd: int, callback: Callback) -> Request:
        self.selector.register(fd, selectors.EVENT_READ, callback)
        return Request(lambda: self.selector.unregister(fd))

    def call_later(self, delay: float, callback: Callback) -> Request:
        request = Request()
        at = time.monotonic() + delay
        heapq.heappush(self.calls, (at, next(self._numbers), request, callback))
        return request

    def call_soon(self, callback: Callback) -> Request:
        return self.call_later(0, callback)

    def call_soon_threadsafe(self, callback: Callback) -> None:
        self._from_threads.append(callback)
        os.write(self._waker, b"\0")

    def _woken(self) -> None:
        os.read(self._wakes, 1)
        self._from_threads.pop(0)()

    def interrupt(self, reason: BaseException) -> None:
        self.reason, self.is_over = reason, True

    def stop(self) -> None:
        self.is_over = True

    def run(self) -> None:
        end = time.monotonic() + PATIENCE
        while not self.is_over:
            assert time.monotonic() < end, "nothing has stopped the host"
            now = time.monotonic()
            wait = max(0.0, self.calls[0][0] - now) if self.calls else 1.0
            for key, _ in self.selector.select(min(wait, 1.0)):
                key.data()
            while self.calls and self.calls[0][0] <= now and not self.is_over:
                _, _, request, callback = heapq.heappop(self.calls)
                if request.active:
                    callback()
        if self.reason is not None:
            raise self.reason

    def close(self) -> None:
        left = [fd for fd in self.selector.get_map() if fd != self._wakes]
        pending = [call for call in self.calls if call[2].active]
        self.selector.close()
        os.close(self._wakes)
        os.close(self._waker)
        assert (left, pending) == ([], []), "a guest has left this in its host"


@pytest.fixture
def host() -> Any:
    host = Host()
    yield host
    host.close()


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class Ask(Protocol):
    def __init__(self) -> None:
        self.answered: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.loseConnection()
        self.answered.callback(data)


def test_reactor_starts_and_shuts_down_with_the_block(host: Host) -> None:
    told: list[tuple[str, str]] = []
    reactor = triloop.reactor_on(host)
    for phase in ("before", "during", "after"):
        for event in ("startup", "shutdown"):
            reactor.addSystemEventTrigger(phase, event, told.append, (phase, event))
    reactor.callWhenRunning(host.stop)
    with reactor:
        assert reactor.running
        host.run()
        with pytest.raises(ReactorAlreadyRunning):
            reactor.run()
    assert not reactor.running
    assert told == [(p, e) for e in ("startup", "shutdown") for p in ("before", "during", "after")]


def test_reactor_serves_connections_timers_and_threads(host: Host) -> None:
    with triloop.reactor_on(host) as reactor:
        port: Any = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
        ask = Ask()
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)

        async def main() -> tuple[bytes, int]:
            protocol = await connectProtocol(endpoint, ask)
            protocol.transport.write(b"hello")
            answer = await ask.answered
            await deferLater(reactor, 0.01)
            from_thread: Deferred[int] = Deferred()
            work = threading.Thread(target=reactor.callFromThread, args=(from_thread.callback, 7))
            work.start()
            number = await from_thread
            work.join()
            await port.stopListening()
            return answer, number

        result: list[Any] = []
        Deferred.fromCoroutine(main()).addBoth(result.append).addBoth(lambda _: host.stop())
        host.run()
    assert result == [(b"hello", 7)]


def test_reactor_tells_of_child_processes(host: Host) -> None:
    class Child(ProcessProtocol):
        def processEnded(self, reason: Failure) -> None:
            codes.append(getattr(reason.value, "exitCode", None))
            host.stop()

    codes: list[int | None] = []
    with triloop.reactor_on(host) as reactor:
        command = [sys.executable, "-c", "raise SystemExit(3)"]
        reactor.spawnProcess(Child(), command[0], command)
        host.run()
    assert codes == [3]


def test_host_goes_on_after_the_reactor_has_stopped(host: Host) -> None:
    with triloop.reactor_on(host) as reactor:
        reactor.addSystemEventTrigger("after", "shutdown", host.call_later, 0.01, host.stop)
        reactor.callLater(0.01, reactor.stop)
        host.run()
        assert not reactor.running


def test_shutdown_that_takes_its_time_is_waited_for(host: Host) -> None:
    ended: list[str] = []
    with triloop.reactor_on(host) as reactor:
        later = deferLater, reactor, 0.02, ended.append, "ended"
        reactor.addSystemEventTrigger("before", "shutdown", *later)
    assert ended == ["ended"]


@pytest.mark.parametrize("reason", [KeyboardInterrupt, SystemExit])
def test_interrupt_of_a_callback_ends_the_hosts_run(
    host: Host, reason: type[BaseException]
) -> None:
    def interrupt() -> None:
        raise reason

    with triloop.reactor_on(host) as reactor:
        reactor.callLater(0.01, interrupt)
        with pytest.raises(reason):
            host.run()
    host.is_over, host.reason = False, None
    with triloop.loop_on(host) as loop:
        loop.call_later(0.01, interrupt)
        with pytest.raises(reason):
            host.run()


def test_loop_runs_all_three_worlds(host: Host) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(5))
        writer.close()
        await writer.wait_closed()

    async def main() -> bytes:
        assert asyncio.get_running_loop() is loop
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        await triloop.wait(deferLater(loop.reactor, 0.01))
        await asyncio.to_thread(time.sleep, 0.01)
        return answer

    with triloop.loop_on(host) as loop:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        task = loop.create_task(main())
        task.add_done_callback(lambda _: host.stop())
        host.run()
    assert task.result() == b"hello"
    assert loop.is_closed()


def test_twisteds_callbacks_find_the_running_loop(host: Host) -> None:
    def look() -> None:
        found.append(asyncio.get_running_loop())
        asyncio.ensure_future(asyncio.sleep(0)).add_done_callback(lambda _: host.stop())

    def look_at_the_end() -> None:
        found.append(asyncio.get_running_loop())

    found: list[object] = []
    with triloop.loop_on(host) as loop:
        loop.reactor.addSystemEventTrigger("during", "shutdown", look_at_the_end)
        loop.reactor.callLater(0.01, look)
        host.run()
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
    assert found == [loop, loop]


def test_tasks_end_with_the_block(host: Host) -> None:
    told = []

    async def main() -> None:
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            await asyncio.sleep(0.01)
            told.append("ended")

    with triloop.loop_on(host) as loop:
        task = loop.create_task(main())
        loop.call_later(0.01, host.stop)
        host.run()
    assert told == ["ended"]
    assert task.cancelled()


def test_host_goes_on_after_the_loop_has_stopped(host: Host) -> None:
    with triloop.loop_on(host) as loop:
        loop.reactor.addSystemEventTrigger("after", "shutdown", host.call_later, 0.01, host.stop)
        loop.call_later(0.01, loop.stop)
        host.run()


def test_host_that_cannot_watch_raises_at_the_block() -> None:
    class Refusing(Host):
        def watch(self, fd: int, callback: Callback) -> Request:
            if fd != self._wakes:
                raise PermissionError("no")
            return super().watch(fd, callback)

    host = Refusing()
    with pytest.raises(PermissionError), triloop.reactor_on(host):
        pytest.fail("the block has begun")
    host.close()


def test_trio_as_the_host() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / "hosts" / "on_trio.py"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    expected = "asyncio slept\nTwisted waited\nTrio ends; asyncio's task is done: True\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, expected, "")
