"""The base class for hosts of an application's own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time

import pytest
from twisted.internet.task import deferLater

import triloop
from tests.unit.own_loop import Loop


def test_three_methods_make_a_host_for_both_guests() -> None:
    async def main() -> list[str]:
        await triloop.wait(deferLater(loop.reactor, 0.01))
        return [await asyncio.to_thread(str, "a thread")]

    with Loop() as host, triloop.loop_on(host) as loop:
        task = loop.create_task(main())
        task.add_done_callback(lambda _: host.quit())
        host.run()
    assert task.result() == ["a thread"]
    assert list(host.selector.get_map()) == []


def test_cancelled_request_is_not_called_nor_taken_back_twice() -> None:
    called: list[str] = []
    with Loop() as host:
        late = host.call_later(0, lambda: called.append("cancelled"))
        late.cancel()
        late.cancel()
        done = host.call_soon(lambda: called.append("called"))
        host.call_later(0.01, host.quit)
        host.run()
        done.cancel()
    assert (called, host.cancelled) == (["called"], {0})


def test_calls_of_threads_arrive_in_order_however_many() -> None:
    heard: list[int] = []
    calls = 5000  # more bytes than a socket pair takes

    def work() -> None:
        for number in range(calls):
            host.call_soon_threadsafe(lambda number=number: heard.append(number))  # type: ignore[misc]
        host.call_soon_threadsafe(host.quit)

    with Loop() as host:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        host.run()
    assert heard == list(range(calls))


@pytest.mark.parametrize("reason", [KeyboardInterrupt, SystemExit])
def test_interrupt_leaves_by_the_end_of_the_block(reason: type[BaseException]) -> None:
    def leave() -> None:
        raise reason(7)

    host = Loop()

    def run() -> None:
        with host, triloop.reactor_on(host) as reactor:
            reactor.addSystemEventTrigger("after", "shutdown", told.append, "shutdown")
            reactor.callLater(0.01, leave)
            host.run()

    told: list[str] = []
    with pytest.raises(reason) as left:
        run()
    assert (left.value.args, told) == ((7,), ["shutdown"])


def press_ctrl_c() -> None:
    time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_the_run_and_tasks_are_awaited() -> None:
    told: list[str] = []

    async def main() -> None:
        threading.Thread(target=press_ctrl_c).start()
        try:
            await asyncio.sleep(20)
        finally:
            await asyncio.sleep(0)
            told.append("awaited")

    def run() -> None:
        with Loop() as host, triloop.loop_on(host) as loop:
            loop.create_task(main())
            host.run()
            told.append("run has ended")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert told == ["run has ended", "awaited"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.set_wakeup_fd(-1) == -1


def test_second_ctrl_c_raises_at_once() -> None:
    def busy() -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        told.append("it went on")

    def run() -> None:
        with Loop() as host, triloop.reactor_on(host) as reactor:
            reactor.callLater(0, busy)
            host.run()

    told: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run()
    assert told == []


def test_signal_handlers_of_other_code_stay() -> None:
    seen: list[int] = []
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    signal.set_wakeup_fd(writing.fileno())
    try:
        with Loop() as host:
            host.call_later(0.01, host.quit)
            os.kill(os.getpid(), signal.SIGINT)
            host.run()
    finally:
        signal.signal(signal.SIGINT, before)
        descriptor = signal.set_wakeup_fd(-1)
    assert (descriptor, seen, reading.recv(9)) == (writing.fileno(), [2], b"\2")
    reading.close()
    writing.close()


def test_host_outside_of_its_block_is_refused() -> None:
    host = Loop()
    with pytest.raises(RuntimeError, match="run your loop in a block, `with host:`"):
        triloop.reactor_on(host).__enter__()
    with pytest.raises(RuntimeError, match="run your loop in a block, `with host:`"):
        host.call_soon(int)
    with host, pytest.raises(RuntimeError, match="in use already"):
        host.__enter__()
