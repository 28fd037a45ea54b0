"""Loops and reactors that cannot be hosts are refused at once, and nothing is left over."""

from __future__ import annotations

import asyncio
import gc
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from twisted.internet.error import ReactorNotRestartable
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.pollreactor import PollReactor
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from zope.interface import directlyProvides, providedBy

import triloop
from tests.contract.worlds import discard
from triloop.adapters.twisted_in_asyncio import host
from triloop.default_loop import nested_loops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class NoReaders(asyncio.SelectorEventLoop):
    """A loop like the Proactor loop and PySide's QtAsyncio."""

    def add_reader(self, *args: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _no_global_reactor() -> Iterator[None]:
    name = "twisted.internet.reactor"
    before: Any = sys.modules.pop(name, None)  # what earlier tests have imported
    try:
        yield
        assert name not in sys.modules
    finally:
        if before is not None:
            sys.modules[name] = before
    gc.collect()  # a loop that is half made would warn here


@pytest.fixture
def no_readers() -> Iterator[asyncio.AbstractEventLoop]:
    loop = NoReaders()
    yield loop
    loop.close()


def attach(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        async with triloop.attached():
            pass

    loop.run_until_complete(main())


def install_within(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        triloop.install()

    loop.run_until_complete(main())


def use_within(loop: asyncio.AbstractEventLoop) -> None:
    """A reactor of another loop, which does not run, follows the running one."""

    async def main() -> None:
        reactor.callLater(0, print)

    with closing(asyncio.new_event_loop()) as home, triloop.TornadoReactor(home) as reactor:
        try:
            loop.run_until_complete(main())
        finally:
            assert reactor.getDelayedCalls() == []
            home.run_until_complete(asyncio.sleep(0))  # where it still starts
            assert reactor.running


async def nothing() -> None:
    pass


def run(loop: asyncio.AbstractEventLoop) -> None:
    triloop.run(nothing(), loop_factory=lambda: loop)


@pytest.mark.parametrize(
    "give", [triloop.TornadoReactor, triloop.install, attach, install_within, use_within, run]
)
def test_loop_without_readers(
    give: Callable[[asyncio.AbstractEventLoop], object], no_readers: asyncio.AbstractEventLoop
) -> None:
    with pytest.raises(TypeError, match=r"has add_reader, and <NoReaders .*: use a selector loop"):
        give(no_readers)


def test_run_refuses_a_loop_before_anything_runs_in_it(
    no_readers: asyncio.AbstractEventLoop,
) -> None:
    with pytest.raises(TypeError, match="<NoReaders running=False"):
        run(no_readers)
    assert no_readers.is_closed()


@pytest.mark.parametrize("give", [triloop.TornadoReactor, triloop.install])
@pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_closed_loop(
    give: Callable[[asyncio.AbstractEventLoop], object],
    make: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    loop = make()
    loop.close()
    with pytest.raises(RuntimeError, match="is closed, and no reactor can run inside it"):
        give(loop)


@pytest.mark.parametrize("give", [triloop.new_event_loop, triloop.TwistedIOLoop])
@pytest.mark.parametrize(
    ("make", "missing"), [(Clock, "IReactorFDSet"), (MemoryReactorClock, "IReactorThreads")]
)
def test_reactor_that_does_not_poll(
    give: Callable[[Any], object], make: Callable[[], Any], missing: str
) -> None:
    before = list(nested_loops)
    with pytest.raises(TypeError, match=f"needs a Twisted reactor with {missing}; got <.*: use"):
        give(make())
    assert list(nested_loops) == before


def test_reactor_that_only_claims_to_poll() -> None:
    claiming: Any = MemoryReactorClock()
    directlyProvides(claiming, *providedBy(claiming), IReactorThreads)
    with pytest.raises(TypeError, match=r"that polls descriptors, a PosixReactorBase; got <"):
        triloop.new_event_loop(claiming)


@pytest.mark.parametrize("give", [triloop.new_event_loop, triloop.TwistedIOLoop])
def test_reactor_that_was_stopped_for_good(give: Callable[[Any], object]) -> None:
    reactor: Any = PollReactor()
    reactor.callWhenRunning(reactor.stop)
    reactor.run()
    before = list(nested_loops)
    with pytest.raises(ReactorNotRestartable, match="was stopped, which is for good"):
        give(reactor)
    assert list(nested_loops) == before
    discard(reactor)


def test_restartable_reactor_is_accepted_after_a_stop() -> None:
    home = asyncio.new_event_loop()
    with triloop.TornadoReactor(home, restartable=True) as reactor:
        reactor.callWhenRunning(reactor.stop)
        reactor.run()
        triloop.new_event_loop(reactor).close()
    home.close()


def test_loop_that_cannot_be_made_leaves_the_reactor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    reactor: Any = PollReactor()
    held = set(vars(reactor))

    def fail(self: object) -> None:
        raise OSError("too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(asyncio.SelectorEventLoop, "_make_self_pipe", fail)
        with pytest.raises(OSError, match="too many"):
            triloop.new_event_loop(reactor)
    assert set(vars(reactor)) == held
    triloop.new_event_loop(reactor).close()
    discard(reactor)


def test_old_uvloop_is_warned_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvloop, "__version__", "0.22.1")
    monkeypatch.setattr(host, "_warned_of_uvloop", False)
    loop = uvloop.new_event_loop()
    with (
        pytest.warns(RuntimeWarning, match=r"uvloop 0\.22\.1 .* install uvloop>=0\.23"),
        triloop.TornadoReactor(loop),
    ):
        pass
    with triloop.TornadoReactor(loop):
        pass
    loop.close()
