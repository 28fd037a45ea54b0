"""Programs that exit with a reactor or loop in some state: ``left_behind_script.py FOLDER NAME``.

Each runs in a process that is forked here, which is faster than to start Python for each. It writes
the state of its reactor, and its stderr, to files in the folder. One line is printed for each when
it has ended: its name and its status.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import Deferred
from twisted.internet.selectreactor import SelectReactor

import triloop

#: What is started, and never ends.
never: Deferred[None] = Deferred()
kept: list[object] = []
told = asyncio.Event()


def tell(lifecycle: Any) -> None:
    """Print the state in which the reactor is left."""
    sys.stdout.write(f"{lifecycle.state.value}\n")
    sys.stdout.flush()
    told.set()


async def stubborn() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


def guest(do: Callable[[Any, Any], object], until: str = "running") -> Any:
    """Run a loop with a TornadoReactor, and call ``do`` in it, until it is in a given state."""
    loop = asyncio.new_event_loop()
    reactor = triloop.TornadoReactor(loop)
    kept.append(reactor)
    reactor.callWhenRunning(do, reactor, loop)

    def look() -> None:
        if reactor.lifecycle.state.value == until:
            loop.stop()
        else:
            loop.call_later(0.01, look)

    loop.call_later(0.05, look)
    loop.run_forever()
    tell(reactor.lifecycle)
    return reactor


def host(do: Callable[[Any, Any], object]) -> Any:
    """The same for a loop on a reactor of Twisted's own, which is run for the loop."""
    reactor = SelectReactor()
    loop = triloop.ReactorEventLoop(reactor)
    kept.append(loop)
    reactor.callWhenRunning(do, reactor, loop)
    loop.call_later(0.05, loop.stop)
    loop.run_forever()
    tell(loop.lifecycle)
    return loop


def nothing(reactor: Any, loop: Any) -> None:
    """Do nothing."""


def guest_resting() -> None:
    loop = asyncio.new_event_loop()
    reactor = triloop.TornadoReactor(loop)
    kept.append(reactor)
    reactor.fireSystemEvent("shutdown")
    tell(reactor.lifecycle)


def guest_due() -> None:
    reactor = triloop.TornadoReactor(asyncio.new_event_loop())
    kept.append(reactor)
    reactor.callLater(60, int)
    tell(reactor.lifecycle)


def guest_running() -> None:
    guest(nothing)


def guest_stopping() -> None:
    loop = asyncio.new_event_loop()
    reactor = triloop.TornadoReactor(loop)
    kept.append(reactor)
    loop.run_until_complete(asyncio.sleep(0.01))
    reactor.stop()
    tell(reactor.lifecycle)


def guest_winding_down() -> None:
    def do(reactor: Any, loop: Any) -> None:
        kept.append(loop.create_task(slow()))
        reactor.stop()

    async def slow() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await told.wait()
        await asyncio.sleep(0.05)

    guest(do, "winding down")


def guest_shutting_down() -> None:
    def do(reactor: Any, loop: Any) -> None:
        waiting: Deferred[None] = Deferred()

        def look() -> None:
            if told.is_set():
                waiting.callback(None)
            else:
                reactor.callLater(0.05, look)

        look()
        reactor.addSystemEventTrigger("before", "shutdown", lambda: waiting)
        reactor.stop()

    guest(do, "shutting down")


def guest_crashed() -> None:
    guest(lambda reactor, _: reactor.crash(), "crashed")


def guest_ended() -> None:
    guest(lambda reactor, _: reactor.stop(), "ended")


def guest_half_started() -> None:
    loop = asyncio.new_event_loop()
    reactor = triloop.TornadoReactor(loop)
    kept.append(reactor)
    reactor.addSystemEventTrigger("before", "startup", lambda: never)
    loop.run_until_complete(asyncio.sleep(0.02))
    assert not reactor.running
    tell(reactor.lifecycle)


def guest_in_a_closed_loop() -> None:
    guest(nothing)._asyncioEventloop.close()


def guest_in_a_visited_loop_that_is_closed() -> None:
    async def main() -> None:
        kept.append(triloop.TornadoReactor(asyncio.get_running_loop()))
        await asyncio.sleep(0.02)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    reactor: Any = kept[0]
    tell(reactor.lifecycle)


def guest_interrupted_in_a_nested_run() -> None:
    def do(reactor: Any, loop: Any) -> None:
        reactor.callLater(0, interrupt)
        with contextlib.suppress(KeyboardInterrupt):
            reactor.iterate(1)

    def interrupt() -> None:
        raise KeyboardInterrupt

    guest(do)


def guest_interrupted_in_reactor_run() -> None:
    reactor = triloop.install()
    reactor.callWhenRunning(lambda: reactor.callLater(0, interrupt))

    def interrupt() -> None:
        raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        reactor.run()
    tell(reactor.lifecycle)


def guest_with_a_stubborn_task() -> None:
    guest(lambda _, loop: kept.append(loop.create_task(stubborn())))


def guest_winding_down_a_stubborn_task() -> None:
    def do(reactor: Any, loop: Any) -> None:
        kept.append(loop.create_task(stubborn()))
        reactor.stop()

    guest(do, "winding down")


def guest_with_a_stuck_trigger() -> None:
    guest(lambda reactor, _: reactor.addSystemEventTrigger("before", "shutdown", lambda: never))


def guest_with_a_stuck_thread() -> None:
    guest(lambda reactor, _: reactor.callInThread(threading.Event().wait))


def guest_crashed_with_a_stuck_thread() -> None:
    def do(reactor: Any, loop: Any) -> None:
        reactor.callInThread(threading.Event().wait)
        reactor.callLater(0.02, reactor.crash)

    guest(do, "crashed")


def host_resting() -> None:
    loop = triloop.ReactorEventLoop(SelectReactor())
    kept.append(loop)
    loop.call_later(60, int)
    tell(loop.lifecycle)


def host_crashed() -> None:
    host(lambda _, loop: kept.append(loop.create_task(asyncio.sleep(60))))


def host_ended() -> None:
    def do(reactor: Any, loop: Any) -> None:
        kept.append(loop.create_task(stubborn()))
        reactor.stop()
        reactor.callLater(0.02, reactor.crash)

    reactor = SelectReactor()
    loop = triloop.ReactorEventLoop(reactor)
    kept.append(loop)
    reactor.callWhenRunning(do, reactor, loop)
    reactor.run()
    tell(loop.lifecycle)


def host_with_a_closed_loop() -> None:
    host(nothing).close()


def host_whose_loop_is_closed() -> None:
    below = asyncio.new_event_loop()
    loop = triloop.new_event_loop(AsyncioSelectorReactor(below))
    kept.append(loop)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    below.close()
    tell(loop.lifecycle)


def host_shut_down_by_hand() -> None:
    host(nothing).reactor.fireSystemEvent("shutdown")


def host_with_a_stuck_trigger() -> None:
    host(lambda reactor, _: reactor.addSystemEventTrigger("before", "shutdown", lambda: never))


def host_with_a_stuck_thread() -> None:
    host(lambda reactor, _: reactor.callInThread(threading.Event().wait))


def started(name: str, folder: Path) -> int:
    """Fork a process for a program; its pid, or 0 in that process."""
    number = os.fork()
    if number == 0:
        for stream, kind in ((sys.stdout, "out"), (sys.stderr, "err")):
            with (folder / f"{name}.{kind}").open("wb") as file:
                os.dup2(file.fileno(), stream.fileno())
    return number


def main(folder: Path, names: list[str]) -> None:
    running: dict[int, str] = {}
    for name in names:
        number = started(name, folder)
        if number == 0:
            globals()[name]()
            return  # and the interpreter exits
        running[number] = name
    while running:
        number, status = os.wait()
        name = running.pop(number)
        sys.stdout.write(f"{name} {os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
