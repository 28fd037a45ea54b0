"""The plug-in for pytest: async tests that may await anything, on a loop or reactor of your choice.

::

    [tool.pytest.ini_options]
    triloop_host = "asyncio"        # "uvloop"; "epoll", "poll", "select": a reactor of Twisted's

    @pytest.mark.triloop
    async def test_echo(reactor):
        ...

The reactor of the process is installed before the first test module is imported. Each marked test
gets a loop of its own, in which the reactor runs from before its fixtures to after them. A test
fails on connections, delayed calls, tasks and threads that it, or a fixture of it, leaves behind.
They are taken away before the next test. (uvloop does not show the connections and delayed calls
that were made with asyncio; all else is found there too.)
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import pytest
from twisted.internet.error import ReactorAlreadyInstalledError
from twisted.internet.task import deferLater

from triloop.awaitables import as_future
from triloop.lifecycle.attach import attached
from triloop.lifecycle.exit import wind_down
from triloop.testing.hosts import HOSTS, install_host
from triloop.testing.leftovers import (
    Found,
    discard,
    in_loop,
    in_process,
    in_reactor,
    new_since,
)

__all__ = [
    "pytest_addoption",
    "pytest_configure",
    "pytest_fixture_setup",
    "pytest_pyfunc_call",
    "pytest_runtest_setup",
    "pytest_runtest_teardown",
    "reactor",
]

_LoopFactory = Callable[[], asyncio.AbstractEventLoop]
_MARK = "triloop"
_FACTORY = pytest.StashKey[_LoopFactory]()
#: The loop of the present test, and what ends it.
_LOOP = pytest.StashKey[asyncio.AbstractEventLoop]()
_ENDING = pytest.StashKey[contextlib.ExitStack]()
#: Turns that the end of a test may take: what is closed by then is not left behind.
_TURNS = 5


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting ``triloop_host``, and ``--triloop-host``, which overrides it."""
    text = "the loop or reactor of tests marked with triloop: asyncio, uvloop, epoll, poll, select"
    parser.addini("triloop_host", text, default="")
    parser.getgroup("triloop").addoption("--triloop-host", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Install the reactor, if there is a setting: before any test module is imported."""
    config.addinivalue_line("markers", f"{_MARK}: run this test in a loop with Twisted's reactor")
    name = config.getoption("--triloop-host") or config.getini("triloop_host")
    if name and config.pluginmanager.hasplugin("twisted"):
        raise pytest.UsageError(
            "pytest-twisted runs the reactor from the beginning to the end, and triloop_host asks "
            "for it in each test: leave one out, by -p no:twisted or without triloop_host"
        )
    if name:
        config.stash[_FACTORY] = _installed(str(name))


def _installed(name: str) -> _LoopFactory:
    if name not in HOSTS:
        raise pytest.UsageError(f"triloop_host is {name!r}: it may be {', '.join(HOSTS)}")
    try:
        return install_host(name)
    except ReactorAlreadyInstalledError as problem:
        raise pytest.UsageError(f"triloop_host comes too late: {problem}") from problem


def _factory(config: pytest.Config) -> _LoopFactory:
    factory = config.stash.get(_FACTORY, None)
    if factory is None:
        pytest.fail(
            "this test needs a reactor, which has to be installed before any test module is "
            'imported: set triloop_host = "asyncio" in the settings of pytest',
            pytrace=False,
        )
    return factory


@pytest.fixture
def reactor(pytestconfig: pytest.Config) -> Any:
    """Give the global reactor; it runs in tests that are marked with ``triloop``."""
    _factory(pytestconfig)
    return sys.modules["twisted.internet.reactor"]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Make the loop of a marked test, with the reactor in it, before its fixtures are set up."""
    make_loop = item.config.stash.get(_FACTORY, None)
    if make_loop is None or item.get_closest_marker(_MARK) is None:
        return  # a marked test will fail
    loop = make_loop()
    asyncio.set_event_loop(loop)
    item.config.stash[_LOOP] = loop
    ending = item.stash[_ENDING] = contextlib.ExitStack()  # the last to be pushed is done first
    ending.callback(loop.close)
    ending.callback(asyncio.set_event_loop, None)
    ending.callback(wind_down, loop)
    visit = attached()
    loop.run_until_complete(visit.__aenter__())
    ending.callback(lambda: loop.run_until_complete(visit.__aexit__(None, None, None)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """End that loop, after the fixtures have ended."""
    with item.stash.get(_ENDING, contextlib.ExitStack()):
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a marked test to its end in its loop."""
    if pyfuncitem.get_closest_marker(_MARK) is None:
        return None
    names = inspect.signature(pyfuncitem.obj).parameters.keys() & pyfuncitem.funcargs.keys()
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    _factory(pyfuncitem.config)
    loop = pyfuncitem.config.stash[_LOOP]
    _judge("the test", loop.run_until_complete(_run(pyfuncitem.obj, arguments)))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Fail a marked test also on what one of its fixtures leaves behind, once that has ended."""
    config = request.config
    if _FACTORY not in config.stash or request.node.get_closest_marker(_MARK) is None:
        return (yield)
    before = _held()
    made: Found = {}
    # Finalizers run in the opposite order: this one after the fixture's own.
    fixturedef.addfinalizer(partial(_judge_fixture, fixturedef.argname, config, made))
    value = yield
    made.update(_held())
    for key in before:
        made.pop(key, None)
    return value


def _held() -> Found:
    """What the reactor has at present, and the threads of the process."""
    running = sys.modules["twisted.internet.reactor"]
    return {**in_reactor(running), **in_process(running)}


def _judge_fixture(name: str, config: pytest.Config, made: Found) -> None:
    """Fail if a fixture that has ended has left some of what it made."""
    running = sys.modules["twisted.internet.reactor"]
    if made.keys() & in_reactor(running).keys():
        config.stash[_LOOP].run_until_complete(_take_turns())  # a port closes in the next turn
    left = new_since({}, {key: line for key, line in _held().items() if key in made})
    discard(running, left)
    _judge(f"the fixture {name!r}", left)


def _judge(name: str, left: Found) -> None:
    if left:
        pytest.fail("\n".join([f"{name} left behind:", *left.values()]), pytrace=False)


async def _run(test: Callable[..., Any], arguments: dict[str, Any]) -> Found:
    """Run a test, and give what it leaves behind, which is taken away."""
    loop = asyncio.get_running_loop()
    running = sys.modules["twisted.internet.reactor"]
    before = {**in_loop(loop), **_held()}
    try:
        outcome = test(**arguments)
        if inspect.isawaitable(outcome):
            await as_future(outcome)
    finally:
        if new_since(before, {**in_loop(loop), **in_reactor(running)}):
            await _take_turns()
        left = new_since(before, {**in_loop(loop), **in_reactor(running)})
        discard(running, left)
        for task in asyncio.all_tasks(loop) & left.keys():
            task.cancel()
    await loop.shutdown_default_executor()
    return {**left, **new_since(before, in_process(running))}


async def _take_turns() -> None:
    """Let the reactor and the loop do what is due."""
    running: Any = sys.modules["twisted.internet.reactor"]
    for _ in range(_TURNS):
        await as_future(deferLater(running, 0))
        await asyncio.sleep(0)
