"""Single cases of a fork, each with its checks: ``fork_cases_script.py CASE LOOP``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from tornado.ioloop import IOLoop
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.threads import deferToThread

import triloop
from triloop.lifecycle.fork import libuv

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def in_child(run: Callable[[], object]) -> int:
    """Fork a child that calls ``work``; return how it ends."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(SystemExit):
            run()
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@contextlib.contextmanager
def opened() -> Any:
    """A TornadoReactor, and its loop of the given kind."""
    loop = LOOPS[sys.argv[2]]()
    asyncio.set_event_loop(loop)
    reactor = triloop.install(IOLoop.current())
    yield reactor
    reactor.fireSystemEvent("shutdown")
    IOLoop.current().close()


def asyncio_loop() -> Any:
    """The current loop."""
    io_loop: Any = IOLoop.current()
    return io_loop.asyncio_loop


def run_briefly(reactor: Any) -> None:
    reactor.callWhenRunning(reactor.callLater, 0, reactor.stop)
    reactor.run()


def unix_port() -> None:
    """A child that ends leaves the path of a UNIX port to the parent."""
    with tempfile.TemporaryDirectory() as folder, opened() as reactor:
        path = Path(folder) / "port"
        reactor.listenUNIX(str(path), Factory.forProtocol(Protocol), wantPID=True)
        assert in_child(lambda: run_briefly(reactor)) == 0
        assert path.exists()
        assert path.with_name("port.lock").is_symlink()


def port_stopped_in_parent() -> None:
    """The parent stops listening; the child goes on."""
    with opened() as reactor:
        port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
        number = port.getHost().port
        pid = os.fork()
        if pid == 0:
            reactor.callLater(20, reactor.stop)
            reactor.run()
            os._exit(1)
        port.stopListening()
        run_briefly(reactor)
        socket.create_connection(("127.0.0.1", number), timeout=5).close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


class Echo(DatagramProtocol):
    """Answers with the process that answers."""

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        assert self.transport is not None
        self.transport.write(b"%d" % os.getpid(), addr)


def datagrams() -> None:
    """A child serves an inherited UDP port."""
    with opened() as reactor, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        port = reactor.listenUDP(0, Echo(), interface="127.0.0.1")
        client.settimeout(10)
        client.sendto(b"who?", ("127.0.0.1", port.getHost().port))
        pid = os.fork()
        if pid == 0:
            reactor.callLater(0.2, reactor.stop)
            reactor.run()
            os._exit(0)
        assert client.recv(100) == b"%d" % pid
        os.waitpid(pid, 0)


def current_loop() -> None:
    """The current loop is the same in the child, and has its signal handlers."""
    with opened() as reactor:
        io_loop, loop = IOLoop.current(), asyncio_loop()
        heard: list[str] = []
        loop.add_signal_handler(signal.SIGUSR1, heard.append, "signal")
        io_loop.add_callback(heard.append, "callback")

        def child() -> None:
            assert IOLoop.current() is io_loop
            io_loop.call_later(0.2, io_loop.stop)
            os.kill(os.getpid(), signal.SIGUSR1)
            io_loop.start()
            assert sorted(heard) == ["callback", "signal"], heard
            assert reactor.running

        assert in_child(child) == 0
        assert heard == []
        loop.remove_signal_handler(signal.SIGUSR1)
        run_briefly(reactor)


def new_loop_in_child() -> None:
    """In a child of a run, ``asyncio.run`` works, with the reactor in it."""
    with opened() as reactor:
        done: list[int] = []

        async def main() -> int:
            async with triloop.attached() as same:
                assert same is reactor
                return int(await triloop.as_future(deferToThread(os.getpid)))

        def fork() -> None:
            done.append(in_child(lambda: os._exit(asyncio.run(main()) != os.getpid())))
            reactor.stop()

        reactor.callLater(0, fork)
        reactor.run()
        assert done == [0]


def threads() -> None:
    """The threads of a pool do not exist in the child; the pool starts its own there."""
    with opened() as reactor:
        done: list[int] = []
        pool = reactor.getThreadPool()

        def child() -> None:
            assert reactor.getThreadPool() is pool
            deferToThread(os.getpid).addCallback(done.append).addCallback(lambda _: reactor.stop())
            reactor.run()
            assert done == [os.getpid()]

        def fork(_: object) -> None:
            code = in_child(child)
            done.append(code)
            reactor.stop()

        reactor.callWhenRunning(lambda: deferToThread(time.sleep, 0).addCallback(fork))
        reactor.run()
        assert done == [0]


def terminated() -> None:
    """The SIGTERM handler of a loop that ran in the parent is not used in a child."""
    with opened() as reactor:
        loop = asyncio_loop()
        codes: list[int] = []

        def child() -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

        def fork() -> None:
            loop.add_signal_handler(signal.SIGTERM, reactor.stop)
            codes.append(in_child(child))
            loop.remove_signal_handler(signal.SIGTERM)
            reactor.stop()

        reactor.callLater(0, fork)
        reactor.run()
        assert codes == [-signal.SIGTERM], codes


def refused() -> None:
    """A reactor that cannot be separated from the parent's raises an error."""
    host = asyncio.new_event_loop()
    reactor = AsyncioSelectorReactor(host)
    loop = triloop.ReactorEventLoop(reactor)

    def child() -> None:
        for use in (loop.run_forever, lambda: reactor.callLater(0, print)):
            with pytest.raises(RuntimeError, match="made before this process was forked"):
                use()

    assert in_child(child) == 0
    loop.close()
    reactor.fireSystemEvent("shutdown")
    for reader in reactor.removeAll() + list(reactor._internalReaders):
        reactor.removeReader(reader)
        reader.connectionLost(None)
    host.close()


def refused_by_build() -> None:
    """A uvloop that hides libuv cannot be separated from the parent's: its reactor refuses."""
    with opened() as reactor:
        libuv._libuv = object

        def child() -> None:
            with pytest.raises(RuntimeError, match="this build of uvloop hides libuv"):
                reactor.callLater(0, print)

        assert in_child(child) == 0
        run_briefly(reactor)


def asyncio_tasks() -> None:
    """A child neither resumes nor cancels the parent's tasks."""
    with opened() as reactor:
        log: list[str] = []

        async def careful() -> None:
            try:
                await asyncio.sleep(0.2)
            finally:
                log.append("ended")

        def child() -> None:
            asyncio.run(asyncio.sleep(0.3))
            assert log == []

        async def main() -> None:
            task = asyncio.create_task(careful())
            await asyncio.sleep(0)
            assert in_child(child) == 0
            await task
            reactor.stop()

        IOLoop.current().add_callback(main)
        reactor.run()
        assert log == ["ended"]


def settings() -> None:
    """The loop that replaces another has the same settings."""
    with opened() as reactor:
        loop = asyncio_loop()
        loop.set_debug(True)
        loop.set_exception_handler(lambda loop, context: None)
        loop.set_task_factory(lambda loop, coro, **kw: asyncio.Task(coro, loop=loop, **kw))

        def mind(of: Any) -> list[object]:
            return [
                of.get_debug(),
                of.slow_callback_duration,
                of.get_exception_handler(),
                of.get_task_factory(),
            ]

        def child() -> None:
            fresh = reactor._asyncioEventloop
            assert fresh is not loop
            assert mind(fresh) == mind(loop)

        def fork() -> None:
            codes.append(in_child(child))
            reactor.stop()

        codes: list[int] = []
        reactor.callLater(0, fork)
        reactor.run()
        assert codes == [0]


class _Hears(asyncio.Protocol):
    """Records the events of its connection."""

    def __init__(self, log: list[object]) -> None:
        self._log = log

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._log.append(data)

    def connection_lost(self, reason: object) -> None:
        self._log.append("lost")


def left_in_run() -> None:
    """Ready callbacks and connections of a run stay with the parent; a child only ends the run."""
    with opened() as reactor:
        loop = asyncio_loop()
        peer, connected = socket.socketpair()
        parent, child = socket.socketpair()
        connected.setblocking(False)
        log: list[object] = []
        pids: list[int] = []

        async def main() -> None:
            _, protocol = await loop.create_connection(lambda: _Hears(log), sock=connected)
            loop.call_soon(fork)
            loop.call_soon(log.append, "called")
            await asyncio.sleep(0.1)
            protocol.transport.close()
            await asyncio.sleep(0)
            reactor.stop()

        def fork() -> None:
            peer.send(b"data")  # early enough for the child to take it
            pids.append(os.fork())
            if pids[0]:
                child.close()
                log.append(parent.recv(1))

        reactor.callWhenRunning(lambda: loop.create_task(main()))
        reactor.run()
        if pids[0] == 0:
            parent.close()
            child.send(b"." if log == [] else b"!")
            child.recv(1)  # until the parent closes its end, or ends
            os._exit(0)
        assert log == [b".", "called", b"data", "lost"], log
        peer.settimeout(5)
        assert peer.recv(1) == b""  # the child must not have a copy of the other end
        peer.close()
        parent.close()
        os.waitpid(pids[0], 0)


def queues() -> None:
    """A child adds nothing to the queues that its parent shares with the kernel."""
    with opened() as reactor:
        before = _ring_positions()
        assert in_child(lambda: run_briefly(reactor)) == 0
        assert _ring_positions() == before


def _ring_positions() -> list[list[str]]:
    """The positions in the io_urings of this process; there may be none."""
    found = []
    for fd in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if "io_uring" in str(fd.readlink()):
                lines = Path(f"/proc/self/fdinfo/{fd.name}").read_text("ascii").splitlines()
                found.append([line for line in lines if "Tail" in line or "Head" in line])
    return found


#: Cases for loops of one kind only.
ONLY = {"asyncio": [current_loop], "uvloop": [refused_by_build]}
CASES = [
    asyncio_tasks,
    current_loop,
    datagrams,
    left_in_run,
    new_loop_in_child,
    port_stopped_in_parent,
    queues,
    refused,
    refused_by_build,
    settings,
    terminated,
    threads,
    unix_port,
]


def leave_out_noise() -> None:
    """Have nothing said of what is done on purpose, or only slow."""
    # From Python 3.15 on this is raised in place of the fork; children go on with Python code here.
    warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
    # Debug mode would log slow callbacks on a busy machine.
    logging.getLogger("asyncio").addFilter(lambda record: "Executing" not in record.msg)


if __name__ == "__main__":
    leave_out_noise()
    {case.__name__: case for case in CASES}[sys.argv[1]]()
