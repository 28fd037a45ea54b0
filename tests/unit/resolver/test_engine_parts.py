"""The parts of an engine that depend on time: deadlines, cache, servers, long hosts files."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

import pytest

from triloop.adapters.resolver.cache import Cache
from triloop.adapters.resolver.deadlines import Deadlines, Queue
from triloop.adapters.resolver.hosts_source import HostsSource
from triloop.adapters.resolver.loop import WeakLoop
from triloop.adapters.resolver.servers import Server, in_order
from triloop.adapters.resolver.wire import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from triloop.protocol import Callback


class Call:
    def __init__(self, due: float, callback: Callback) -> None:
        self.due = due
        self.callback = callback
        self.active = True

    def cancel(self) -> None:
        self.active = False


class FakeLoop:
    """A loop whose timers and calls run when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.calls: list[Call] = []
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def watch(self, fd: int, callback: Callback) -> Call:
        raise AssertionError("nothing is watched here")

    def call_later(self, delay: float, callback: Callback) -> Call:
        self.calls.append(Call(self.now + delay, callback))
        return self.calls[-1]

    def call_soon(self, callback: Callback) -> Call:
        return self.call_later(0.0, callback)

    def due(self) -> list[float]:
        return [call.due - 100.0 for call in self.calls if call.active]

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for call in self.calls[:]:
            if call.active and call.due <= self.now:
                call.active = False
                call.callback()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    return FakeLoop(monkeypatch)


class Item:
    def __init__(self, then: Callback | None = None) -> None:
        self.deadline: Queue | None = None
        self.expired = 0
        self.then = then

    def expire(self) -> None:
        self.expired += 1
        if self.then is not None:
            self.then()


def expired(*items: Item) -> list[int]:
    return [item.expired for item in items]


# -- deadlines ----------------------------------------------------------------------------------


def test_many_deadlines_have_one_timer(loop: FakeLoop) -> None:
    deadlines = Deadlines(loop, lambda: None)
    late, early, never = Item(), Item(), Item()
    deadlines.set(late, 3.0)
    deadlines.set(early, 1.0)
    deadlines.set(never, 2.0)
    deadlines.clear(never)
    assert loop.due() == [1.0]
    loop.advance(1.0)
    assert expired(early, never, late) == [1, 0, 0]
    loop.advance(2.0)
    assert expired(early, never, late) == [1, 0, 1]
    assert not loop.due()


def test_without_deadlines_there_is_no_timer(loop: FakeLoop) -> None:
    deadlines = Deadlines(loop, lambda: None)
    item = Item()
    deadlines.set(item, 1.0)
    deadlines.set(item, 2.0)
    deadlines.clear(item)
    deadlines.clear(item)
    assert not loop.due()
    loop.advance(5.0)
    assert not item.expired


def test_a_deadline_that_is_set_at_expiry_does_not_put_off_an_earlier_one(loop: FakeLoop) -> None:
    deadlines = Deadlines(loop, lambda: None)
    again, soon = Item(), Item()
    again.then = lambda: deadlines.set(again, 5.0)
    deadlines.set(again, 1.0)
    deadlines.set(soon, 1.5)
    loop.advance(1.0)
    assert (expired(again, soon), loop.due()) == ([1, 0], [1.5])


def test_what_expires_may_clear_another_deadline(loop: FakeLoop) -> None:
    deadlines = Deadlines(loop, lambda: None)
    first, second, third = Item(), Item(), Item()

    def change_others() -> None:
        deadlines.clear(second)
        deadlines.set(third, 3.0)

    first.then = change_others
    for item in (first, second, third):
        deadlines.set(item, 1.0)
    loop.advance(1.0)
    assert (expired(first, second, third), loop.due()) == ([1, 0, 0], [4.0])


def test_cleared_deadlines_are_not_kept(loop: FakeLoop) -> None:
    deadlines = Deadlines(loop, lambda: None)
    first, last = Item(), Item()
    deadlines.set(first, 1.0)
    deadlines.set(last, 9.0)
    for _ in range(1000):
        item = Item()
        deadlines.set(item, 2.0)
        deadlines.clear(item)
    assert sum(map(len, deadlines._queues.values())) == 2
    loop.advance(1.0)
    assert (expired(first, last), loop.due()) == ([1, 0], [9.0])


def test_setting_a_deadline_again_replaces_it(loop: FakeLoop) -> None:
    deadlines = Deadlines(loop, lambda: None)
    item, other = Item(), Item()
    deadlines.set(item, 1.0)
    deadlines.set(other, 4.0)
    deadlines.set(item, 3.0)
    loop.advance(1.0)
    assert expired(item) == [0]
    loop.advance(2.0)
    assert expired(item) == [1]
    assert loop.due() == [4.0]


def test_sockets_are_read_before_anything_expires(loop: FakeLoop) -> None:
    item = Item()
    deadlines = Deadlines(loop, lambda: deadlines.clear(item))
    deadlines.set(item, 1.0)
    loop.advance(9.0)
    assert not item.expired
    assert not loop.due()


def test_expired_item_may_set_a_new_deadline(loop: FakeLoop) -> None:
    deadlines = Deadlines(loop, lambda: None)
    item = Item()
    item.then = lambda: deadlines.set(item, 1.0)
    deadlines.set(item, 1.0)
    loop.advance(1.0)
    assert (item.expired, loop.due()) == (1, [2.0])


# -- the cache ----------------------------------------------------------------------------------


def keep(cache: Cache, name: bytes, ttl: int, *addresses: str) -> None:
    cache.put((name, 1), Answer(0, addresses, ttl=ttl))


def test_an_answer_is_cached_for_its_time_to_live(loop: FakeLoop) -> None:
    cache = Cache(10)
    keep(cache, b"a", 5, "10.0.0.1")
    keep(cache, b"b", 0, "10.0.0.2")
    loop.advance(4.9)
    assert cache.get((b"a", 1)) == Answer(0, ("10.0.0.1",), ttl=5)
    assert cache.get((b"b", 1)) is None
    loop.advance(0.2)
    assert cache.get((b"a", 1)) is None
    assert not len(cache)


def test_no_answer_is_cached_for_ever(loop: FakeLoop) -> None:
    cache = Cache(10)
    keep(cache, b"a", 0x7FFFFFFF, "10.0.0.1")
    keep(cache, b"denied", 0x7FFFFFFF)
    loop.advance(3 * 3600 + 1)
    assert cache.get((b"denied", 1)) is None
    assert cache.get((b"a", 1)) is not None
    loop.advance(24 * 3600)
    assert cache.get((b"a", 1)) is None


@pytest.mark.parametrize(("size", "kept"), [(0, []), (2, [b"b", b"c"])])
def test_the_oldest_answers_go_first(size: int, kept: list[bytes], loop: FakeLoop) -> None:
    cache = Cache(size)
    for name in (b"a", b"b", b"a", b"b", b"c"):
        keep(cache, name, 60, "10.0.0.1")
    assert [name for name in (b"a", b"b", b"c") if cache.get((name, 1))] == kept
    cache.clear()
    assert not len(cache)


# -- servers ------------------------------------------------------------------------------------


def test_a_silent_server_comes_last_until_it_is_due_for_retry(loop: FakeLoop) -> None:
    first, second = servers = [Server(("127.0.0.1", 53)), Server(("::1", 53))]
    first.missed(loop.now)
    assert in_order(servers, rotate=False) == [second, first]
    loop.advance(31.0)
    assert in_order(servers, rotate=False) == [first, second]
    first.put_off_retry()
    assert in_order(servers, rotate=False) == [second, first]
    first.answered(with_edns=True)
    assert in_order(servers, rotate=False) == [first, second]


def test_one_lost_answer_does_not_make_a_server_silent(loop: FakeLoop) -> None:
    server = Server(("127.0.0.1", 53))
    asked_at = loop.now
    loop.advance(0.5)
    server.answered(with_edns=True)
    server.missed(asked_at)
    assert server.silent_at is None


def test_rotation_begins_with_a_random_server() -> None:
    servers = [Server((f"10.0.0.{number}", 53)) for number in range(3)]
    orders = [in_order(servers, rotate=True) for _ in range(100)]
    assert {order[0].address for order in orders} == {server.address for server in servers}
    assert all(len(set(order)) == 3 for order in orders)


@pytest.mark.parametrize(
    ("address", "is_remote"),
    [("127.0.0.53", False), ("::1", False), ("10.0.0.1", True), ("2001:db8::1", True)],
)
def test_only_a_remote_server_can_be_impersonated(address: str, is_remote: bool) -> None:
    assert Server((address, 53)).is_remote == is_remote


# -- a long hosts file --------------------------------------------------------------------------


def test_a_long_hosts_file_is_read_between_the_turns_of_the_loop(
    loop: FakeLoop, tmp_path: Path
) -> None:
    path = tmp_path / "hosts"
    path.write_text("".join(f"10.0.0.1 n{number}.test\n" for number in range(50_000)))
    source = HostsSource(loop, str(path))
    assert source.table() is None
    told: list[str] = []
    source.when_read(lambda: told.append("first"))
    forgotten = lambda: told.append("forgotten")  # noqa: E731
    source.when_read(forgotten)
    source.cancel(forgotten)
    loop.advance(0.0)  # this clock stands still, so that one call reads the whole file
    assert told == ["first"]
    table = source.table()
    assert table is not None
    assert table.find(b"n49999.test", 0) == ["10.0.0.1"]


def test_a_file_that_changes_while_it_is_read_is_read_again(loop: FakeLoop, tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("".join(f"10.0.0.1 n{number}.test\n" for number in range(50_000)))
    source = HostsSource(loop, str(path))
    assert source.table() is None
    path.write_text("10.0.0.2 n1.test\n")
    table = source.table()
    assert table is not None
    assert table.find(b"n1.test", 0) == ["10.0.0.2"]
    loop.advance(0.0)
    assert source.table() is table


# -- the loop -----------------------------------------------------------------------------------

variable: ContextVar[str] = ContextVar("variable")


def test_the_loop_is_asked_in_an_empty_context_and_kept_by_others(loop: FakeLoop) -> None:
    variable.set("the application's")
    seen: list[object] = []
    owner = FakeOwner()
    weak = WeakLoop(owner, lambda _: loop)
    original, loop.call_later = loop.call_later, None  # type: ignore[assignment,method-assign]

    def call_later(delay: float, callback: Callback) -> Call:
        seen.append(variable.get("nothing"))
        return original(delay, callback)

    loop.call_later = call_later  # type: ignore[method-assign]
    weak.call_later(1.0, lambda: None)
    weak.call_soon(lambda: None)
    assert seen == ["nothing", "nothing"]


class FakeOwner:
    """An object that can be weakly referenced."""
