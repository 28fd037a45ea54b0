"""The engine calls the host in an empty context; the fake host checks that."""

from __future__ import annotations

import threading
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING

from tests.unit.fakes import FakeClock, FakeGuest, FakeHost, Request
from triloop.embedding import Embedding

if TYPE_CHECKING:
    from triloop.protocol import Callback

request: ContextVar[str] = ContextVar("request")


def test_requests_to_the_host_carry_an_empty_context() -> None:
    made = copy_context().run(ask_for_all)
    assert made == (2, 2, 1, 1), "not each kind of request was made"


def ask_for_all() -> tuple[int, int, int, int]:
    """Make the engine call all methods of the host, in the context of an application."""
    clock = FakeClock()
    host, guest = FakeHost(clock), FakeGuest(clock)
    host.readable = guest.is_readable
    guest.embedding = embedding = Embedding(host, guest, clock)

    def dialog() -> None:
        guest.receive(lambda: None)
        host.run_pass()  # finds it readable in the middle of a turn

    def in_thread() -> None:
        request.set("of a thread")
        embedding.wake()

    request.set("of an application")
    embedding.attach()
    host.run_pass()
    guest.call_later(3, lambda: None)
    host.run_pass()
    guest.receive(dialog)
    host.run_pass()
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    return host.watched, host.soons, host.timed, len(host.from_threads)


def test_request_that_interrupts_another() -> None:
    """As by a signal handler that wakes the engine in the middle of a request."""
    clock = FakeClock()

    class InterruptedHost(FakeHost):
        def call_soon(self, callback: Callback) -> Request:
            if not self.soons:
                self.soons += 1
                embedding.wake()
            return super().call_soon(callback)

    host, guest = InterruptedHost(clock), FakeGuest(clock)
    embedding = Embedding(host, guest, clock)
    embedding.attach()
    assert host.soons == 3
