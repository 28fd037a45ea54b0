"""The plug-in for pytest: async tests that may await anything, on a loop or reactor of your choice.

::

    [tool.pytest.ini_options]
    triloop_host = "asyncio"        # "uvloop"; "epoll", "poll", "select": a reactor of Twisted's

    @pytest.mark.triloop
    async def test_echo(reactor):
        ...

The reactor of the process is installed before the first test module is imported. Each marked test
gets a loop of its own, and the reactor runs whenever that does: in the test, and in its async
fixtures. A test fails on what it, or a fixture of it, leaves behind; that is taken away before the
next test.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Generator
from typing import Any

import pytest
from twisted.internet.error import ReactorAlreadyInstalledError

from triloop.private.pytest_twisted import PytestTwisted
from triloop.testing.fixtures import adapted
from triloop.testing.hosts import HOSTS, UnusableHostError, install_host
from triloop.testing.judgement import Outcome, fail_on, held, run_judged, take_turns
from triloop.testing.leftovers import Found, discard, new_since
from triloop.testing.loops import Runs, TestLoop

__all__ = ["Plugin", "make_plugin"]

_MARK = "triloop"


def make_plugin(config: pytest.Config, name: str) -> Plugin:
    """Install the reactor for a host, also for pytest-twisted.

    Args:
        config: That of the session.
        name: One of :data:`triloop.testing.hosts.HOSTS`.

    Returns:
        The plug-in, to be registered.

    Raises:
        pytest.UsageError: There is no such host, or a reactor is installed already.
        UnusableHostError: pytest-twisted was told to install another reactor.
    """
    if name not in HOSTS:
        raise pytest.UsageError(f"triloop_host is {name!r}: it may be {', '.join(HOSTS)}")
    beside = config.pluginmanager.hasplugin("twisted")
    wanted = config.getoption("reactor") if beside else "default"
    fits = {"default", "asyncio"} if name in {"asyncio", "uvloop"} else {"default"}
    if wanted not in fits:
        raise UnusableHostError(
            f"triloop_host is {name!r}, and pytest-twisted installs another reactor, by "
            f"--reactor={wanted}; a process has one: leave --reactor out"
        )
    try:
        make_loop = install_host(name)
    except ReactorAlreadyInstalledError as problem:
        raise pytest.UsageError(f"triloop_host comes too late: {problem}") from problem
    runs = Runs(make_loop, sys.modules["twisted.internet.reactor"])
    return Plugin(runs, PytestTwisted(runs.reactor, runs.at_home) if beside else None)


class Plugin:
    """The hooks of pytest, in a session whose settings name a host.

    Args:
        runs: Those of the global reactor.
        beside: pytest-twisted, which runs tests in the same reactor; None: it is not there.
    """

    def __init__(self, runs: Runs, beside: PytestTwisted | None) -> None:
        self.reactor = runs.reactor
        self._runs = runs
        self._beside = beside
        #: That of the present test, if it is marked.
        self._loop: TestLoop | None = None

    def _rest(self) -> None:
        """Have no loop and no reactor run: pytest-twisted leaves its own in the middle of a run."""
        if self._beside is not None:
            self._beside.rest()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Make the loop of a marked test before its fixtures are set up."""
        self._rest()
        if item.get_closest_marker(_MARK) is not None:
            self._loop = TestLoop(self._runs)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """Begin a test of any plug-in with no loop running."""
        self._rest()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Generator[None, None, None]:
        """End the loop of a marked test, after the fixtures have ended."""
        self._rest()
        try:
            yield
        finally:
            self._rest()
            self._close_loop()

    def _close_loop(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self) -> None:
        """Shut the reactor down."""
        self._rest()
        self._close_loop()
        self._runs.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run a marked test to its end in its loop."""
        if pyfuncitem.get_closest_marker(_MARK) is None:
            return self._run_apart(pyfuncitem)
        test = _own_function(pyfuncitem)
        arguments = _arguments(pyfuncitem, test)
        examples = getattr(test, "hypothesis", None)
        if examples is None:
            self._run(pyfuncitem, test, arguments)
            return True
        inner = examples.inner_test

        @functools.wraps(inner)
        def run_example(**chosen: Any) -> None:
            self._run(pyfuncitem, inner, chosen)

        examples.inner_test = run_example
        try:
            test(**arguments)
        finally:
            examples.inner_test = inner
        return True

    def _run(self, item: pytest.Item, test: Callable[..., Any], arguments: dict[str, Any]) -> None:
        assert self._loop is not None
        outcome = Outcome()
        try:
            self._loop.run(run_judged(self.reactor, outcome, test, arguments))
        except BaseException:
            outcome.is_abandoned = True
            raise
        outcome.report(item)

    def _run_apart(self, item: pytest.Function) -> bool | None:
        """Run a test of pytest-asyncio's: pytest-twisted would, in the reactor's loop."""
        if self._beside is None or item.get_closest_marker("asyncio") is None:
            return None
        item.obj(**_arguments(item, item.obj))
        return True

    @pytest.hookimpl(wrapper=True, trylast=True)  # those of other plug-ins are theirs by then
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        """Run an async fixture of a marked test, and fail on what a fixture leaves at its end."""
        self._rest()
        if self._loop is None:
            return (yield)
        before, made = held(self.reactor), Found()
        # Finalizers run in the opposite order: this one after the fixture's own.
        fixturedef.addfinalizer(functools.partial(self._judge_fixture, fixturedef.argname, made))
        definition: Any = fixturedef
        function = definition.func
        try:
            definition.func = adapted(function, request, self._loop)
            return (yield)
        finally:
            definition.func = function
            made.update(held(self.reactor))
            for key in before:
                made.pop(key, None)

    def _judge_fixture(self, name: str, made: Found) -> None:
        """Fail if a fixture that has ended has left some of what it made."""
        self._rest()
        if made.keys() & held(self.reactor).keys():
            self._take_turns()  # a port closes in the next turn
        left = new_since({}, {key: line for key, line in held(self.reactor).items() if key in made})
        discard(self.reactor, left)
        fail_on(f"the fixture {name!r}", list(left.values()))

    def _take_turns(self) -> None:
        if self._loop is not None:
            self._loop.run(take_turns(self.reactor))
            return
        passing = TestLoop(self._runs)  # the fixture has outlived the marked tests that used it
        passing.run(take_turns(self.reactor))
        passing.close()


def _arguments(item: pytest.Function, test: Callable[..., Any]) -> dict[str, Any]:
    names = inspect.signature(test).parameters.keys() & item.funcargs.keys()
    return {name: item.funcargs[name] for name in names}


def _own_function(item: pytest.Function) -> Callable[..., Any]:
    """The function of a test, as it was before pytest-asyncio has wrapped it in its own mode."""
    test: Callable[..., Any] = item.obj
    if item.get_closest_marker("asyncio") is not None:
        test = getattr(test, "__wrapped__", test)
    return test
