"""Twisted's poll reactors in a child: made usable again, or refused."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import socket
import sys
from typing import Any

from twisted.internet import tcp, udp, unix
from twisted.internet.abstract import FileDescriptor
from twisted.python.threadpool import ThreadPool

from triloop.adapters.twisted_in_asyncio.poller import POLLER, LeanReactor
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor
from triloop.adapters.twisted_in_asyncio.timers import TimedReactor, drop_call
from triloop.lifecycle.fork.copies import (
    close_at_use,
    close_copies,
    close_socket,
    is_inherited,
)
from triloop.lifecycle.fork.descriptors import is_shareable, unshare_poller
from triloop.private.inherited_reactor import (
    DESCRIPTOR_MARK,
    clear_watched,
    discard_internal_reader,
    drop_delayed_calls,
    keep_open_elsewhere,
    note_pool_start,
    renew_file_polling,
    renew_poll,
    reset_life,
    uninstall_signals,
)
from triloop.private.reactors import has_started, internal_readers

if sys.platform == "linux":
    from twisted.internet.epollreactor import EPollReactor as _Native
else:  # pragma: no cover - the BSDs and macOS
    from twisted.internet.kqreactor import KQueueReactor as _Native

__all__ = ["is_renewable", "is_whole", "refuse", "renew", "share_ports", "unshare"]

#: The parent's unfinished work. It is kept so that it is never deallocated: that would run a
#: ``finally`` or a ``__del__`` of the parent's work here.
_left: list[Any] = []

#: The methods of a reactor: any use of it begins with one of these.
_ENTRANCES = (
    "addReader",
    "addSystemEventTrigger",
    "addWriter",
    "callFromThread",
    "callLater",
    "callWhenRunning",
    "getThreadPool",
    "iterate",
    "run",
    "spawnProcess",
)


def is_renewable(reactor: Any) -> bool:
    """Whether all that the reactor has shared with the parent can be replaced."""
    return isinstance(reactor, _Native) or _is(reactor, "pollreactor", "selectreactor")


def _is(reactor: Any, *modules: str) -> bool:
    """Whether its class is from one of these modules of Twisted, which need not be imported yet."""
    names = {f"twisted.internet.{module}" for module in modules}
    return any(kind.__module__ in names for kind in type(reactor).__mro__)


def share_ports(reactor: Any) -> None:
    """Keep a listening port open in the other processes when one of them closes it.

    Twisted calls ``shutdown`` before ``close``, and ``shutdown`` ends the port in every process.
    """
    for reader in _readers(reactor):
        if isinstance(reader, tcp.Port):
            keep_open_elsewhere(reader)


def _readers(reactor: Any) -> list[Any]:
    """The readers of a reactor that another thread may run, and change while they are listed."""
    while True:
        with contextlib.suppress(RuntimeError, KeyError):
            return list(reactor.getReaders())


def is_whole(reactor: Any) -> bool:
    """Whether no other thread was adding or removing a descriptor when the process forked."""
    try:
        reactor.getReaders(), reactor.getWriters()
    except KeyError:
        return False
    return True


def unshare(reactor: Any) -> None:
    """Give the reactor a poller of its own."""
    if is_renewable(reactor):
        unshare_poller(reactor, POLLER)


def renew(reactor: Any) -> None:
    """Reset an unshared reactor to its state before the start; it keeps its listening ports."""
    if not is_renewable(reactor):
        _refuse_foreign(reactor)
        return
    ran = has_started(reactor)
    readers, writers = reactor.getReaders(), reactor.getWriters()
    _clear_watched(reactor)
    if isinstance(reactor, TornadoReactor):
        reactor.children.clear()
    if ran:
        uninstall_signals(reactor)
        reset_life(reactor)
    _renew_waker(reactor)
    for reader in readers:
        if reader not in internal_readers(reactor) and _goes_on(reader, ran):
            _leave_path_to_parent(reader)
            reactor.addReader(reader)
    _drop_calls(reactor)
    _begin_with_copies(reactor)
    _renew_thread_pool(reactor)
    _abandon_others(reactor, [*readers, *writers], ran)


def _refuse_foreign(reactor: Any) -> None:
    refuse(
        reactor,
        f"{reactor!r} was made before this process was forked, and a {type(reactor).__name__} "
        "cannot be reset in the child: it would share its descriptors with the parent. Fork "
        "before the reactor is made, or use a TornadoReactor or Twisted's epoll, kqueue, poll or "
        "select reactor",
    )


def refuse(reactor: Any, why: str) -> None:
    """Have every use of the reactor fail with the reason."""

    def fail(*args: object, **kw: object) -> None:
        raise RuntimeError(why)

    for name in _ENTRANCES:
        setattr(reactor, name, fail)


def _clear_watched(reactor: Any) -> None:
    """Empty what the reactor watches, in place: it may be in the middle of a poll's result."""
    clear_watched(reactor)
    if isinstance(reactor, LeanReactor):
        reactor.early_writers.clear()
    if _is(reactor, "pollreactor"):
        renew_poll(reactor)
    _left.append(renew_file_polling(reactor))


def _renew_waker(reactor: Any) -> None:
    if reactor.waker is not None:
        discard_internal_reader(reactor, reactor.waker)
        reactor.waker.connectionLost(None)
        reactor.waker = None
        reactor.installWaker()


def _goes_on(reader: Any, ran: bool) -> bool:
    """Whether this process goes on serving a reader."""
    if ran and isinstance(reader, udp.Port) and reader.port == 0:
        return False  # only peers of this client know its port number
    if isinstance(reader, tcp.Connection) or not isinstance(reader, FileDescriptor):
        return False
    return is_shareable(reader.fileno())


def _leave_path_to_parent(port: Any) -> None:
    """Leave the path of a UNIX port, and its lock file, to the parent."""
    if isinstance(port, unix.Port):
        end = functools.partial(tcp.Port.connectionLost, port)
        port.connectionLost = end  # type: ignore[method-assign]  # of this one port


def _drop_calls(reactor: Any) -> None:
    calls = reactor.getDelayedCalls()
    _left.append([dict(vars(call)) for call in calls])
    if isinstance(reactor, TimedReactor):
        reactor.timed_calls.drop()
    else:
        drop_delayed_calls(reactor)
        for call in calls:
            drop_call(call)
    _left.append(list(reactor.threadCallQueue))
    reactor.threadCallQueue.clear()


def _begin_with_copies(reactor: Any) -> None:
    """Close the inherited copies first, in a run or by ``iterate``."""
    reactor.addSystemEventTrigger("before", "startup", close_copies)
    reactor.threadCallQueue.append((close_copies, (), {}))


def _renew_thread_pool(reactor: Any) -> None:
    """Reset a pool that had threads, in place; it starts new ones when it is used."""
    pool = reactor.threadpool
    if pool is None or not pool.started:
        return
    _left.append(dict(vars(pool)))
    ThreadPool.__init__(pool, pool.min, pool.max, pool.name)
    pool.started = pool.joined = False
    note_pool_start(reactor, reactor.callWhenRunning(pool.start))


def _abandon_others(reactor: Any, listed: list[Any], ran: bool) -> None:
    """Drop this process's copies of the parent's connections and pipes."""
    served = reactor.getReaders()
    internal = internal_readers(reactor)
    others = {id(selectable): selectable for selectable in listed if selectable not in internal}
    for selectable in served:
        others.pop(id(selectable), None)
    for selectable in others.values():
        _abandon(selectable)
    if ran:
        close_at_use(_abandon_paused, reactor, served)


def _abandon(selectable: Any) -> None:
    """Stop using a selectable, and close its descriptor at the first use of a loop or reactor."""
    _left.append(selectable)
    if isinstance(selectable, FileDescriptor):
        selectable.connected, selectable.disconnected = 0, 1
    close_at_use(_close, vars(selectable))


def _abandon_paused(reactor: Any, served: list[Any]) -> None:
    """Find and close the parent's connections that were paused: no reactor lists them."""
    kept = {id(vars(selectable)) for selectable in served}
    for state in _states_of(reactor):
        # The pipe of a process that has ended still has its descriptor number.
        if not state.get("disconnected") and id(state) not in kept:
            _left.append(state)
            state.update(connected=0, disconnected=1)
            _close(state)


def _states_of(reactor: Any) -> list[dict[str, Any]]:
    """The attributes of all FileDescriptors of a reactor.

    Looking at every object would change its reference count, and the kernel would copy all memory.
    The garbage collector follows references without changing counts. It finds an object, or its
    dictionary, if there is one.
    """
    holders = gc.get_referrers(reactor)
    own = [vars(one) for one in holders if issubclass(type(one), FileDescriptor)]
    own += [one for one in holders if type(one) is dict and DESCRIPTOR_MARK in one]
    return [one for one in own if one.get("reactor") is reactor]


def _close(state: dict[str, Any]) -> None:
    """Close this process's copy of the descriptor of a selectable, given its attributes."""
    held, number = state.get("socket"), state.get("fd", -1)
    if isinstance(held, socket.socket):
        close_socket(held)
    elif isinstance(number, int) and number > 2 and is_inherited(number):  # not a standard stream
        os.close(number)
        state["fd"] = -1
