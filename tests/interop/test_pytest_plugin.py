"""The plug-in for pytest, in test runs of its own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

#: Imported first, as an application's modules are.
PASSING = """
import asyncio

import pytest
from twisted.internet import reactor as imported
from twisted.internet.defer import inlineCallbacks
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

pytestmark = pytest.mark.triloop


@pytest.fixture
def number():
    return 3


@pytest.fixture
def port(reactor):
    port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
    call = reactor.callLater(60, print)
    yield port
    port.stopListening()
    call.cancel()


async def test_has_a_fixture_that_cleans_up(port):
    await (await asyncio.create_subprocess_exec("true")).wait()
    async for _ in generator():
        break  # its end is a task of the loop's


async def generator():
    try:
        yield
    finally:
        await asyncio.sleep(0)


async def test_awaits_both_worlds(reactor, number):
    assert reactor is imported
    assert reactor.running
    assert await deferLater(reactor, 0, lambda: number) == 3
    assert await asyncio.to_thread(int, number) == 3


def test_returns_a_deferred(reactor):
    return deferLater(reactor, 0)


@inlineCallbacks
def test_yields_deferreds(reactor):
    assert (yield deferLater(reactor, 0, lambda: 7)) == 7


def test_is_a_plain_function():
    assert asyncio.get_running_loop().is_running()
"""

FAILING = """
import asyncio
import threading

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

pytestmark = pytest.mark.triloop
judged = threading.Event()


async def test_leaves_all_kinds_of_things(reactor):
    reactor.callLater(60, print)
    reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
    task = asyncio.create_task(asyncio.sleep(60))
    threading.Thread(target=judged.wait, args=[20], name="a thread of mine").start()
    await asyncio.sleep(0)


async def test_leaves_what_asyncio_made():
    await asyncio.start_server(print, "127.0.0.1", 0)
    asyncio.get_running_loop().call_later(60, len, "of asyncio's")


@pytest.fixture
def leaky(reactor):
    return reactor.callLater(60, len, "of a fixture")


async def test_leaves_nothing_itself(leaky):
    pass


async def test_begins_clean(reactor):
    assert reactor.getDelayedCalls() == []


async def test_fails_in_twisted(reactor):
    judged.set()
    await deferLater(reactor, 0, lambda: 1 / 0)
"""


def run(pytester: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)


@pytest.mark.parametrize("host", ["asyncio", "uvloop", "epoll"])
def test_tests_await_anything(pytester: pytest.Pytester, host: str) -> None:
    pytester.makeini(f"[pytest]\ntriloop_host = {host}")
    run(pytester, PASSING, "-W", "error").assert_outcomes(passed=5)


@pytest.mark.parametrize("host", ["asyncio", "epoll"])
def test_leftovers_are_a_failure(pytester: pytest.Pytester, host: str) -> None:
    result = run(pytester, FAILING, "--triloop-host", host)
    result.assert_outcomes(passed=2, failed=3, errors=1)
    result.stdout.fnmatch_lines_random(
        [
            "the test left behind:",
            "a task: <Task pending*sleep*",
            "a delayed call: <DelayedCall*print()>",
            "a connection or port: *Port*",
            "a thread: <Thread(a thread of mine*",
            "a connection or port: descriptor * of *",
            "a delayed call: <TimerHandle*",
            "the fixture 'leaky' left behind:",
            "E*ZeroDivisionError*",
        ]
    )


def test_no_setting_is_an_error_that_names_it(pytester: pytest.Pytester) -> None:
    result = run(pytester, "import pytest\n@pytest.mark.triloop\nasync def test_it(): pass")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['*set triloop_host = "asyncio" in the settings of pytest*'])


def test_unknown_host_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = run(pytester, PASSING, "--triloop-host", "iocp")
    result.stderr.fnmatch_lines(["*triloop_host is 'iocp': it may be asyncio, uvloop, epoll*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR
