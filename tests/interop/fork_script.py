"""A server that forks its workers: ``fork_script.py PLAN``, a JSON object; see :class:`Plan`.

Every process serves a Twisted port and a Tornado one. Both answer ``pid``; Twisted's knows more
commands. Reports are JSON, one on each line.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any

import tornado.process
import uvloop
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpserver import TCPServer
from twisted.internet.main import installReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.threads import deferToThread
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

import triloop

WORKERS = 4
#: Delay in seconds of the timers that are set just before the fork.
TIMERS_DUE = 0.3


@dataclass(frozen=True)
class Plan:
    """What to do."""

    #: "asyncio" and "uvloop" have a TornadoReactor; "epoll", "poll", "select" a TwistedIOLoop.
    world: str
    #: "fork_processes", "os.fork" or "multiprocessing".
    by: str
    #: Whether to fork in the middle of a run, when a client asks for it; otherwise before any run.
    running: bool = False
    #: Whether children of os.fork start a run within the callback that forks, or after it.
    within: bool = False
    #: Whether the children run the reactor; otherwise the IOLoop.
    by_reactor: bool = True


def report(**facts: Any) -> None:
    os.write(1, json.dumps({"pid": os.getpid(), **facts}).encode() + b"\n")


def open_world(name: str) -> Any:
    """The global reactor; the IOLoop is the current one."""
    asyncio.set_event_loop(None)  # or Python before 3.12 makes one at the first use
    if name in {"asyncio", "uvloop"}:
        loop = asyncio.new_event_loop() if name == "asyncio" else uvloop.new_event_loop()
        loop.slow_callback_duration = 60
        asyncio.set_event_loop(loop)
        return triloop.install(IOLoop.current())
    installReactor(native_reactor(name))
    io_loop = triloop.TwistedIOLoop().install()
    io_loop.asyncio_loop.slow_callback_duration = 60
    return io_loop.reactor


def native_reactor(name: str) -> Any:
    if name == "epoll":
        from twisted.internet.epollreactor import EPollReactor

        return EPollReactor()
    return {"poll": PollReactor, "select": SelectReactor}[name]()


class Answers(LineOnlyReceiver):
    """Twisted's side."""

    delimiter = b"\n"
    server: Server
    transport: Any

    def answer(self, number: int) -> None:
        self.transport.write(b"%d\n" % number)

    def lineReceived(self, line: bytes) -> None:
        getattr(self, f"do_{line.decode()}")()

    def do_pid(self) -> None:
        self.answer(os.getpid())

    def do_thread(self) -> None:
        deferToThread(os.getpid).addCallback(self.answer)

    def do_bye(self) -> None:
        self.transport.loseConnection()

    def do_pause(self) -> None:
        self.transport.pauseProducing()
        self.server.paused.append(self)

    def do_drop(self) -> None:
        for one in self.server.paused:
            one.transport.loseConnection()
        self.transport.write(b"dropped\n")

    def do_cat(self) -> None:
        self.server.cat = self.server.reactor.spawnProcess(Cat(), "cat", ["cat"], env=os.environ)
        self.transport.write(b"started\n")

    def do_eof(self) -> None:
        self.server.cat.closeStdin()

    def do_fork(self) -> None:
        self.server.fork_in_run()

    def do_end(self) -> None:
        self.transport.loseConnection()
        # The parent waits for its timers, which were set before this one.
        delay = 0 if self.server.is_child else TIMERS_DUE
        self.server.reactor.callLater(delay, self.server.end)


class Cat(ProcessProtocol):
    """A child process that runs until its standard input is closed in all processes."""

    def processEnded(self, reason: Failure) -> None:
        report(cat=reason.value.exitCode)  # type: ignore[union-attr]


class TornadoAnswers(TCPServer):
    """Tornado's side."""

    async def handle_stream(self, stream: IOStream, address: Any) -> None:
        try:
            while await stream.read_until(b"\n") == b"pid\n":
                await stream.write(b"%d\n" % os.getpid())
        except StreamClosedError:
            pass
        finally:
            stream.close()


class Server:
    """The program, in the parent and its children."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.reactor = open_world(plan.world)
        self.fired: list[str] = []
        self.paused: list[Answers] = []
        self.cat: Any = None
        self.children: list[int | BaseProcess] = []
        self.is_child = False
        Answers.server = self
        self.port = self.reactor.listenTCP(0, Factory.forProtocol(Answers), interface="127.0.0.1")
        self.tornado = TornadoAnswers()
        self.tornado.listen(0, "127.0.0.1")

    def tell_ports(self) -> None:
        (tornado_socket,) = self.tornado._sockets.values()
        report(twisted=self.port.getHost().port, tornado=tornado_socket.getsockname()[1])

    def end(self) -> None:
        if self.is_child and not self.plan.by_reactor:
            IOLoop.current().stop()
        else:
            self.reactor.stop()

    def fork(self) -> bool:
        """Make the children; return whether this is one."""
        self.reactor.callLater(TIMERS_DUE, self.fired.append, "twisted")
        IOLoop.current().call_later(TIMERS_DUE, self.fired.append, "tornado")
        if self.plan.by == "fork_processes":
            tornado.process.fork_processes(WORKERS)
            self.is_child = True
            return True
        for _ in range(WORKERS):
            if self.plan.by == "multiprocessing":
                self.children.append(self.start_process())
            elif pid := os.fork():
                self.children.append(pid)
            else:
                self.is_child = True
                return True
        return False

    def start_process(self) -> BaseProcess:
        process = multiprocessing.get_context("fork").Process(target=self.work)
        process.start()
        return process

    def fork_in_run(self) -> None:
        if self.fork() and self.plan.within:
            self.work()
            os._exit(0)

    def work(self) -> None:
        """A child's run."""
        self.is_child = True
        self.reactor.callWhenRunning(report, worker=True)
        if self.plan.by_reactor:
            self.reactor.run()
        else:
            IOLoop.current().start()
        report(fired=self.fired)

    def run(self) -> None:
        self.tell_ports()
        if not self.plan.running and self.fork():
            self.work()
            return
        self.reactor.run()
        if self.is_child:
            self.work()
        else:
            report(fired=sorted(self.fired), statuses=[status(c) for c in self.children])

    def close(self) -> None:
        self.tornado.stop()
        IOLoop.current().close()


def status(child: int | BaseProcess) -> int | None:
    if isinstance(child, int):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    child.join()
    code = child.exitcode
    child.close()
    return code


def main() -> None:
    server = Server(Plan(**json.loads(sys.argv[1])))
    try:
        server.run()
    finally:
        server.close()


if __name__ == "__main__":
    main()
