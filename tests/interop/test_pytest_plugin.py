"""The plug-in for pytest, in test runs of its own."""

from __future__ import annotations

import signal

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

#: Each kind of test and fixture that pytest and hypothesis have.
KINDS = """
import asyncio
import unittest

import pytest
from hypothesis import given, settings, strategies
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

examples = set()


@pytest.fixture(scope="module")
def port(reactor):
    port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
    yield port
    port.stopListening()


@pytest.fixture
async def client(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port.getHost().port)
    yield writer
    await deferLater(port.reactor, 0)
    writer.close()
    await writer.wait_closed()


@pytest.mark.triloop
class TestMethods:
    @pytest.fixture
    async def me(self, reactor):
        return await deferLater(reactor, 0, lambda: self)

    @pytest.mark.parametrize("number", [1, 2])
    async def test_has_a_parameter(self, number, me, client):
        assert me is self and not client.is_closing()


@pytest.mark.triloop
@given(number=strategies.integers())
@settings(max_examples=5, deadline=None, derandomize=True)
async def test_has_examples(reactor, number):
    examples.add(await deferLater(reactor, 0, lambda: number))


def test_had_examples():
    assert len(examples) > 1


@pytest.mark.triloop
async def test_uses_the_port_of_the_module(client):
    pass


class CaseTest(unittest.IsolatedAsyncioTestCase):
    async def test_sleeps(self):
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
async def wide():
    yield


@pytest.mark.triloop
async def test_fixture_would_outlive_its_loop(wide):
    pass
"""

#: The test is ended from a signal handler: by Ctrl-C, or by a time limit.
INTERRUPTED = """
import asyncio
import os
import signal

import pytest

pytestmark = pytest.mark.triloop


@pytest.fixture
def cleaned_up(reactor):
    call = reactor.callLater(60, print)
    yield
    call.cancel()
    print("cleaned up")


async def test_waits(reactor, cleaned_up):
    if os.environ["NUMBER"] == str(int(signal.SIGALRM)):
        signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it took too long"))
    reactor.callLater(0, os.kill, os.getpid(), int(os.environ["NUMBER"]))
    await asyncio.sleep(60)


async def test_is_next(reactor):
    assert reactor.getDelayedCalls() == []
"""


def run(pytester: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test)
    apart = ("no:cacheprovider", "no:twisted", "no:asyncio")
    return pytester.runpytest_subprocess(*(f"-p{one}" for one in apart), *options)


@pytest.mark.parametrize("host", ["asyncio", "uvloop", "epoll"])
def test_tests_await_anything(pytester: pytest.Pytester, host: str) -> None:
    pytester.makeini(f"[pytest]\ntriloop_host = {host}")
    run(pytester, PASSING, "-W", "error").assert_outcomes(passed=5)


@pytest.mark.parametrize("options", [["asyncio"], ["uvloop", "-n2"]])
def test_fixtures_and_examples_are_in_the_loop(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    result = run(pytester, KINDS, "-W", "error", "--triloop-host", *options)
    result.assert_outcomes(passed=6, errors=1)
    result.stdout.fnmatch_lines(["*the async fixture 'wide' has the scope 'module'*"])


@pytest.mark.parametrize("host", ["asyncio", "epoll"])
def test_interrupt_cleans_up(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("NUMBER", str(int(signal.SIGINT)))
    result = run(pytester, INTERRUPTED, "-s", "--triloop-host", host)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*cleaned up", "*KeyboardInterrupt*"])


@pytest.mark.parametrize("host", ["uvloop", "epoll"])
def test_time_limit_ends_the_test_only(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("NUMBER", str(int(signal.SIGALRM)))
    result = run(pytester, INTERRUPTED, "--triloop-host", host)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*Failed: it took too long*"])


def test_session_without_the_setting_imports_nothing(pytester: pytest.Pytester) -> None:
    test = (
        "import sys\ndef test_it(): assert not {'triloop', 'twisted', 'tornado'} & {*sys.modules}"
    )
    run(pytester, test).assert_outcomes(passed=1)


def test_no_setting_is_an_error_that_names_it(pytester: pytest.Pytester) -> None:
    result = run(pytester, "import pytest\n@pytest.mark.triloop\nasync def test_it(): pass")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['*set triloop_host = "asyncio" in the settings of pytest*'])


def test_unknown_host_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = run(pytester, PASSING, "--triloop-host", "iocp")
    result.stderr.fnmatch_lines(["*triloop_host is 'iocp': it may be asyncio, uvloop, epoll*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR
