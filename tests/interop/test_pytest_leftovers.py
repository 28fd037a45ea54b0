"""The plug-in for pytest: each kind of thing that a test may leave behind fails it."""

from __future__ import annotations

import pytest

from tests.interop.test_pytest_plugin import run

pytest_plugins = ["pytester"]

LEAVING = """
import asyncio
import subprocess
import threading

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.internet.task import deferLater

pytestmark = pytest.mark.triloop
judged = threading.Event()


async def test_of_twisted(reactor):
    reactor.callLater(60, print)
    reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
    reactor.spawnProcess(ProcessProtocol(), "sleep", ["sleep", "61"])
    fail(ValueError("of a Deferred"))


async def test_of_asyncio():
    await asyncio.start_server(print, "127.0.0.1", 0)
    asyncio.get_running_loop().call_later(60, len, "of asyncio's")
    task = asyncio.create_task(asyncio.sleep(60))
    await asyncio.create_subprocess_exec("sleep", "62")
    asyncio.get_running_loop().call_soon(int, "of a callback")
    await asyncio.sleep(0)


async def test_of_python():
    threading.Thread(target=judged.wait, args=[20], name="a thread of mine").start()
    subprocess.Popen(["sleep", "63"])
    asyncio.sleep(0)


async def test_fails_too(reactor):
    judged.set()
    reactor.callLater(64, print)
    await deferLater(reactor, 0, lambda: 1 / 0)


@pytest.fixture
def leaky(reactor):
    return reactor.callLater(65, len, "of a fixture")


async def test_leaves_nothing_itself(leaky):
    pass


async def test_begins_clean(reactor):
    assert reactor.getDelayedCalls() == []
"""

#: What each of those tests is told, in any order.
TOLD = {
    "test_of_twisted": [
        "a delayed call: <DelayedCall*print()>",
        "a connection or port: *Port*",
        "a child process: * sleep 61",
        "an error that nothing has handled, in a Deferred: ValueError('of a Deferred')",
    ],
    "test_of_asyncio": [
        "a connection or port: *",
        "a delayed call: <TimerHandle*len*",
        "a task: <Task pending*sleep*",
        "a child process: * sleep 62",
        "an error that nothing has handled: ValueError*",
    ],
    "test_of_python": [
        "a thread: <Thread(a thread of mine*",
        "a child process: * sleep 63",
        "a coroutine that was never awaited: sleep",
    ],
    "test_fails_too": ["E*ZeroDivisionError*", "a delayed call: <DelayedCall*"],
    "test_leaves_nothing_itself": ["the fixture 'leaky' left behind:", "*of a fixture*"],
}


@pytest.mark.parametrize("host", ["asyncio", "uvloop", "epoll"])
def test_leftovers_are_a_failure(pytester: pytest.Pytester, host: str) -> None:
    result = run(pytester, LEAVING, "--triloop-host", host)
    result.assert_outcomes(passed=2, failed=4, errors=1, warnings=1)
    text = "\n".join(result.outlines)
    for name, lines in TOLD.items():
        part = pytest.LineMatcher(text.partition(f" {name} __")[2].split("\n____")[0].split("\n"))
        part.fnmatch_lines_random(lines)
