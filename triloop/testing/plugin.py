"""The plug-in for pytest: async tests that may await anything, on a loop or reactor of your choice.

::

    [tool.pytest.ini_options]
    triloop_host = "asyncio"        # "uvloop"; "epoll", "poll", "select": a reactor of Twisted's

    @pytest.mark.triloop
    async def test_echo(reactor):
        ...

The reactor of the process is installed before the first test module is imported. Each marked test
gets a loop of its own, in which the reactor runs from the beginning of the test to its end. A test
fails on connections, delayed calls, tasks and threads that it leaves behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.error import ReactorAlreadyInstalledError

from triloop.awaitables import as_future
from triloop.lifecycle.attach import attached
from triloop.lifecycle.exit import wind_down
from triloop.testing.hosts import HOSTS, install_host
from triloop.testing.leftovers import in_process, in_reactor, new_since

__all__ = ["pytest_addoption", "pytest_configure", "pytest_pyfunc_call", "reactor"]

_MARK = "triloop"
_FACTORY = pytest.StashKey[Callable[[], asyncio.AbstractEventLoop]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting ``triloop_host``, and ``--triloop-host``, which overrides it."""
    text = "the loop or reactor of tests marked with triloop: asyncio, uvloop, epoll, poll, select"
    parser.addini("triloop_host", text, default="")
    parser.getgroup("triloop").addoption("--triloop-host", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Install the reactor, if there is a setting: before any test module is imported."""
    config.addinivalue_line("markers", f"{_MARK}: run this test in a loop with Twisted's reactor")
    name = config.getoption("--triloop-host") or config.getini("triloop_host")
    if name:
        config.stash[_FACTORY] = _installed(str(name))


def _installed(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if name not in HOSTS:
        raise pytest.UsageError(f"triloop_host is {name!r}: it may be {', '.join(HOSTS)}")
    try:
        return install_host(name)
    except ReactorAlreadyInstalledError as problem:
        raise pytest.UsageError(f"triloop_host comes too late: {problem}") from problem


def _factory(config: pytest.Config) -> Callable[[], asyncio.AbstractEventLoop]:
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
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a marked test to its end in a loop of its own."""
    if pyfuncitem.get_closest_marker(_MARK) is None:
        return None
    names = inspect.signature(pyfuncitem.obj).parameters.keys() & pyfuncitem.funcargs.keys()
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    make_loop = _factory(pyfuncitem.config)
    running = sys.modules["twisted.internet.reactor"]
    before = in_process(running)
    loop = make_loop()
    asyncio.set_event_loop(loop)
    with contextlib.ExitStack() as ending:  # the last to be pushed is the first to be done
        ending.callback(loop.close)
        ending.callback(asyncio.set_event_loop, None)
        ending.callback(wind_down, loop)
        left = loop.run_until_complete(_run(pyfuncitem.obj, arguments))
    left += new_since(before, in_process(running))
    if left:
        pytest.fail("\n".join(["the test left behind:", *left]), pytrace=False)
    return True


async def _run(test: Callable[..., Any], arguments: dict[str, Any]) -> list[str]:
    """Run a test with the reactor attached, and list what it leaves behind, a line each."""
    loop = asyncio.get_running_loop()
    async with attached() as running:
        before = in_reactor(loop, running)
        outcome = test(**arguments)
        if inspect.isawaitable(outcome):
            await as_future(outcome)
        return new_since(before, in_reactor(loop, running))
