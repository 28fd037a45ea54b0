"""A timed call that its reactor drops behaves as a cancelled one."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest
import twisted.internet
from twisted.internet.base import DelayedCall
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import AlreadyCancelled
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.internet.task import LoopingCall, deferLater
from twisted.protocols.policies import TimeoutMixin

from tests.unit.twisted_in_asyncio.timed_reactors import HeapTimers, nothing

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("debug", [False, True])
def test_dropped_call_behaves_as_a_cancelled_one(
    timers: HeapTimers, monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    monkeypatch.setattr(DelayedCall, "debug", debug)
    call = timers.callLater(60, nothing)
    timers.timed_calls.drop()
    assert not call.active()
    assert timers.getDelayedCalls() == []
    assert "nothing" in repr(call) or not debug
    uses: list[Callable[[], object]] = [
        call.cancel,
        lambda: call.reset(0),
        lambda: call.delay(-1),
    ]
    for use in uses:
        with pytest.raises(AlreadyCancelled):
            use()


def test_dropped_call_keeps_nothing_alive(timers: HeapTimers) -> None:
    class Argument:
        pass

    argument = Argument()
    call = timers.callLater(60, print, argument)
    seen = weakref.ref(argument)
    timers.timed_calls.drop()
    del argument
    gc.collect()
    assert seen() is None
    assert not call.active()


def test_looping_call_stops_and_starts_again(
    timers: HeapTimers, monkeypatch: pytest.MonkeyPatch
) -> None:
    # LoopingCall imports the global reactor, and would install one.
    monkeypatch.setattr(twisted.internet, "reactor", timers, raising=False)
    looping = LoopingCall(nothing)
    looping.clock = timers
    ended: list[object] = []
    looping.start(60, now=False).addCallback(ended.append)
    timers.timed_calls.drop()
    looping.stop()
    assert ended == [looping]
    looping.start(60, now=False)
    assert len(timers.getDelayedCalls()) == 1
    looping.stop()


def test_defer_later_is_cancelled(timers: HeapTimers) -> None:
    waiting: Deferred[None] = deferLater(timers, 60)
    ended: list[object] = []
    waiting.addErrback(lambda failure: ended.append(failure.check(CancelledError)))
    timers.timed_calls.drop()
    waiting.cancel()
    assert ended == [CancelledError]


def test_timeout_of_a_protocol_is_taken_back(timers: HeapTimers) -> None:
    class Protocol(TimeoutMixin):
        callLater = timers.callLater  # type: ignore[assignment]  # annotated loosely

    protocol = Protocol()
    protocol.setTimeout(60)  # type: ignore[no-untyped-call]
    timers.timed_calls.drop()
    assert protocol.setTimeout(None) == 60  # type: ignore[no-untyped-call]


def test_reconnecting_factory_stops_trying(timers: HeapTimers) -> None:
    class Connector:
        def connect(self) -> None:
            """Never called here."""

    factory = ReconnectingClientFactory()
    factory.clock = timers  # type: ignore[assignment]  # it needs IReactorTime only
    factory.retry(Connector())
    timers.timed_calls.drop()
    factory.stopTrying()
    assert timers.getDelayedCalls() == []


def test_first_cancel_by_twisted_does_not_raise(timers: HeapTimers) -> None:
    waiting: Deferred[None] = deferLater(timers, 60)
    (call,) = timers.getDelayedCalls()
    timers.timed_calls.drop()
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    waiting.cancel()
    with pytest.raises(AlreadyCancelled):
        call.cancel()
