"""The plug-in for pytest beside pytest-asyncio, anyio's and pytest-twisted, in one session."""

from __future__ import annotations

import pytest

pytest.importorskip("pytest_twisted")
pytest_plugins = ["pytester"]

TESTS = """
import asyncio
import unittest

import pytest
import pytest_asyncio
import pytest_twisted
from twisted.internet import reactor as imported
from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest_twisted.async_yield_fixture(scope="module")
async def port():
    await deferLater(imported, 0)
    port = imported.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
    yield port
    await maybeDeferred(port.stopListening)


@pytest.fixture
async def ours(reactor):
    yield await deferLater(reactor, 0, lambda: "ours")
    await deferLater(reactor, 0)


@pytest_asyncio.fixture
async def of_pytest_asyncio():
    yield await asyncio.sleep(0.001, "of pytest-asyncio's")
    await asyncio.sleep(0.001)


@pytest.fixture
async def of_anyio(anyio_backend):
    yield await asyncio.sleep(0.001, "of anyio's")
    await asyncio.sleep(0.001)


async def call(port):
    _, writer = await asyncio.open_connection("127.0.0.1", port.getHost().port)
    writer.close()
    await writer.wait_closed()


@pytest_twisted.ensureDeferred
async def test_pytest_twisted(port):
    assert imported.running and port.connected
    await deferLater(imported, 0)


@pytest.mark.triloop
async def test_ours(reactor, ours, port):
    assert reactor is imported and reactor.running and ours == "ours"
    await deferLater(reactor, 0)
    await call(port)


@pytest.mark.asyncio
async def test_pytest_asyncio(of_pytest_asyncio):
    assert await asyncio.sleep(0.001, of_pytest_asyncio) == "of pytest-asyncio's"


@pytest.mark.anyio
async def test_anyio(of_anyio, port):
    assert await asyncio.sleep(0.001, of_anyio) == "of anyio's"


class CaseTest(unittest.IsolatedAsyncioTestCase):
    async def test_unittest(self):
        await asyncio.sleep(0.001)


@pytest_twisted.inlineCallbacks
def test_pytest_twisted_again(port):
    assert (yield deferLater(imported, 0, lambda: port.connected))


def test_returns_a_deferred():
    return deferLater(imported, 0)


@pytest.mark.triloop
@pytest_twisted.inlineCallbacks
def test_is_marked_for_both(port):
    yield call_later_in_both(port)


async def in_both(port):
    await deferLater(imported, 0)
    await call(port)


def call_later_in_both(port):
    import triloop
    return triloop.as_deferred(in_both(port))


@pytest.mark.triloop
async def test_ours_again(port):
    await call(port)
"""
#: Runs the tests in the opposite order.
BACKWARDS = "def pytest_collection_modifyitems(items): items.reverse()"
SETTINGS = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"


@pytest.mark.parametrize(
    ("host", "reactor", "order"),
    [
        ("asyncio", "default", ""),
        ("uvloop", "asyncio", BACKWARDS),
        ("epoll", "default", BACKWARDS),
    ],
)
def test_all_run_in_one_session(
    pytester: pytest.Pytester, host: str, reactor: str, order: str
) -> None:
    pytester.makeini(SETTINGS)
    pytester.makeconftest(order)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess(
        "-pno:cacheprovider", "-Werror", f"--triloop-host={host}", f"--reactor={reactor}"
    )
    result.assert_outcomes(passed=9)
    assert result.stderr.str() == ""


def test_async_mode_of_pytest_asyncio_leaves_marked_tests(pytester: pytest.Pytester) -> None:
    pytester.makeini(SETTINGS + "asyncio_mode = auto\n")
    pytester.makepyfile(
        "import asyncio, pytest\n"
        "from twisted.internet.task import deferLater\n"
        "async def test_theirs(): await asyncio.sleep(0)\n"
        "@pytest.mark.triloop\n"
        "async def test_ours(reactor): await deferLater(reactor, 0)\n"
    )
    options = ["-pno:cacheprovider", "-pno:twisted", "-Werror", "--triloop-host=asyncio"]
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=2)


def test_another_reactor_is_refused_at_the_test(pytester: pytest.Pytester) -> None:
    pytester.makeini(SETTINGS)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess(
        "-pno:cacheprovider", "--triloop-host=epoll", "--reactor=asyncio", "-k", "twisted or ours"
    )
    result.assert_outcomes(passed=2, failed=1, errors=1, deselected=5)
    result.stdout.fnmatch_lines(["*triloop_host is 'epoll'*--reactor=asyncio*leave --reactor out*"])
