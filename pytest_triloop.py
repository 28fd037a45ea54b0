"""The plug-in that pytest finds: triloop is imported only if the settings name a host."""

from __future__ import annotations

from typing import Any

import pytest

__all__ = ["pytest_addoption", "pytest_configure", "pytest_pyfunc_call", "reactor"]

_MARK = "triloop"
_PLUGIN = "triloop-host"
#: Why there is no reactor for tests that want one.
_REASON = pytest.StashKey[str]()
_NO_HOST = (
    "this test needs a reactor, which has to be installed before any test module is imported: set "
    'triloop_host = "asyncio" in the settings of pytest'
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting ``triloop_host``, and ``--triloop-host``, which overrides it."""
    text = "the loop or reactor of tests marked with triloop: asyncio, uvloop, epoll, poll, select"
    parser.addini("triloop_host", text, default="")
    parser.getgroup("triloop").addoption("--triloop-host", help=text)


@pytest.hookimpl(tryfirst=True)  # before pytest-twisted installs a reactor
def pytest_configure(config: pytest.Config) -> None:
    """Install the reactor, if there is a setting: before any test module is imported."""
    config.addinivalue_line("markers", f"{_MARK}: run this test in a loop with Twisted's reactor")
    name = config.getoption("--triloop-host") or config.getini("triloop_host")
    if not name:
        return
    from triloop.testing.hosts import UnusableHostError
    from triloop.testing.plugin import make_plugin

    try:
        plugin = make_plugin(config, str(name))
    except UnusableHostError as problem:
        config.stash[_REASON] = str(problem)
    else:
        config.pluginmanager.register(plugin, _PLUGIN)


def _plugin(config: pytest.Config) -> Any:
    plugin = config.pluginmanager.get_plugin(_PLUGIN)
    if plugin is None:
        pytest.fail(config.stash.get(_REASON, _NO_HOST), pytrace=False)
    return plugin


@pytest.fixture(scope="session")
def reactor(pytestconfig: pytest.Config) -> Any:
    """Give the global reactor; it runs in tests that are marked with ``triloop``."""
    return _plugin(pytestconfig).reactor


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Fail a marked test for which there is no reactor."""
    if pyfuncitem.get_closest_marker(_MARK) is not None:
        _plugin(pyfuncitem.config)
