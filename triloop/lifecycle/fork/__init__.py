"""Reactors and loops in a child process that ``os.fork`` has made.

A child inherits every descriptor of its parent, and shares the kernel objects behind them: what it
removes from an inherited epoll is removed for the parent too. So, before Python code goes on in a
child, each poller, waker and self-pipe gets a kernel object of its own, under the same descriptor
number. After that the child's reactors and loops are as they were before they ran::

    in the parent                       | in the child
    ------------------------------------+---------------------------------------------------------
    listening port, datagram port       | served too: the kernel gives each peer to one process
    connection, pipe, child process     | stays with the parent: the copy is closed at the first
                                        |   use of a loop or reactor; no protocol is called
    timed call, call of another thread  | happens in the parent only
    startup and shutdown triggers       | kept; a reactor that ran may be started again
    threads of a pool or an executor    | none; the pool starts its own when it is used
    stock loop that does not run        | the same loop, with its listening ports and ready
                                        |   callbacks
    stock loop that runs                | replaced by a new loop of its class
    uvloop                              | replaced too: it does not show what is scheduled on it
    ReactorEventLoop, TwistedIOLoop     | the same loop, at rest
    reactor that is not epoll, kqueue,  | refuses work, and says why
      poll or select                    |

The current loop stays current in the child, or its replacement becomes current. If a callback of a
running loop forks, the run ends in the child as soon as that callback returns; the child may also
stay in the callback and never return.

A child that only runs another program is not changed: it may exist to pass on just those
descriptors, and its parent may wait for it.

* C code that forks calls Python's hooks in the child, as uvloop does for each program that it runs,
  but runs no Python code there. So the hook only adds a pending call. The interpreter makes it
  before the next instruction of Python code: in a child of ``os.fork``, before the fork returns.
* Python code in the child may run a program too. So only what no program can see is done at once: a
  program inherits no poller, waker or self-pipe. The copies of the parent's connections stay open
  until a loop or a reactor is used, which first closes them
  (:mod:`triloop.lifecycle.fork.copies`).
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import functools
import os
import signal
import sys
import threading
import time
from typing import Any

from twisted.internet import process as processes

from triloop.adapters.asyncio_in_twisted.loop import ReactorEventLoop, open_loops
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor, all_reactors
from triloop.lifecycle.fork import copies, loops, reactors
from triloop.private.cpython import current_loop, running_loop, set_running_loop
from triloop.private.inherited_loop import is_stock, signals_of
from triloop.private.tornado import io_loops
from triloop.private.uvloop import is_libuv
from triloop.process.signal_handlers import reset_handlers

_Loop = asyncio.AbstractEventLoop

#: Modules that fork to run a program at once: there is nothing to prepare in the child.
_EXECUTORS = frozenset({"subprocess", "twisted.internet.process"})
#: The C type of a pending call.
_PendingCall = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class _Forker(threading.local):
    """Why the forking thread forks."""

    current: _Loop | None = None
    running: _Loop | None = None
    runs_program: bool = False


_forker = _Forker()
#: Loops that only this module refers to, or that were left in the middle of a run.
_ours: list[_Loop] = []
#: What another thread was changing at the fork; to forget it would end it, on the parent's poller.
_caught: list[object] = []


def _before() -> None:
    caller = sys._getframe().f_back  # there is none in a thread of C code
    _forker.runs_program = caller is not None and caller.f_globals.get("__name__") in _EXECUTORS
    _forker.current = current_loop()
    _forker.running = running_loop()
    for reactor in _reactors(all_reactors(), open_loops()):
        reactors.share_ports(reactor)


def _in_parent() -> None:
    _forker.current = _forker.running = None


def _reactors(guests: list[TornadoReactor], nested: list[ReactorEventLoop]) -> list[Any]:
    """The open ones, with those in which loops are nested."""
    found: list[Any] = [guest for guest in guests if not guest.is_closed]
    return found + [loop.reactor for loop in nested if loop.reactor not in guests]


def _go_on(_: object) -> int:
    """Prepare a child in which Python code goes on. It is the pending call."""
    guests, nested = all_reactors(), open_loops()
    if (guests or nested) and not _forker.runs_program:
        guests, nested = _whole(guests, nested)
        guests = [guest for guest in guests if not _refuse(guest)]
        hosts = [one for one in _hosts_of(guests) if one not in nested and loops.is_whole(one)]
        _renew(guests, nested, hosts)
        copies.count_open()
    return 0


def _whole(
    guests: list[TornadoReactor], nested: list[ReactorEventLoop]
) -> tuple[list[TornadoReactor], list[ReactorEventLoop]]:
    """Leave out what another thread was changing: it will never be used, nor come to its end."""
    of_guests = [guest for guest in guests if reactors.is_whole(guest)]
    whole = [loop for loop in nested if loops.is_whole(loop) and reactors.is_whole(loop.reactor)]
    _caught.extend([{*guests} - {*of_guests}, {*nested} - {*whole}])
    return of_guests, whole


def _refuse(guest: TornadoReactor) -> bool:
    """Whether a reactor has to refuse work: its loop cannot be separated from the parent's."""
    loop = guest.host_loop
    if not is_libuv(loop) or loops.is_reachable():
        return False
    guest.lifecycle.has_run = False
    reactors.refuse(
        guest,
        f"{guest!r} was made before this process was forked, and {loop!r} cannot be separated from "
        "the parent's: this build of uvloop hides libuv's functions. Use a wheel of uvloop from "
        "PyPI, make the reactor after the fork, or have it run in asyncio's own loop",
    )
    return True


def _hosts_of(guests: list[TornadoReactor]) -> list[_Loop]:
    return list(dict.fromkeys(guest.host_loop for guest in guests))


def _renew(
    guests: list[TornadoReactor], nested: list[ReactorEventLoop], hosts: list[_Loop]
) -> None:
    signal.set_wakeup_fd(-1)  # the parent's
    processes.reapProcessHandlers.clear()  # they are not this process's children
    every = _reactors(guests, nested)
    # All pollers first: one may watch the descriptor of another.
    for reactor in every:
        reactors.unshare(reactor)
    for loop in (*nested, *hosts):
        loops.unshare(loop)
    places: dict[_Loop | None, _Loop] = {loop: loop for loop in nested}
    places.update((loop, _renew_loop(loop)) for loop in hosts)
    for loop in nested:
        loops.renew(loop)
    for loop in places.values():
        loops.begin_with_copies(loop)
    for guest in guests:
        old = guest.host_loop
        guest.restart_in_child(places.get(old, old))
    for reactor in every:
        reactors.renew(reactor)
    for loop in nested:
        loop.rest_in_child(can_run=reactors.is_renewable(loop.reactor))
    _restore_current(places)
    reset_handlers({number for loop in places.values() for number in signals_of(loop)})


def _renew_loop(loop: _Loop) -> _Loop:
    """Make a loop usable in this process; return it, or the loop that replaces it."""
    if is_stock(loop) and not loop.is_running():
        loops.renew(loop)
        loops.resume_signals(loop)
        return loop
    if is_stock(loop):
        loops.renew(loop, keeps_ports=False)
        loops.end_run(loop)
    fresh = loops.similar_loop(loop)
    loops.move_io_loop(loop, fresh)
    if is_libuv(loop):
        loops.discard_loop(loop)
    _ours.extend([loop, fresh])
    return fresh


def _restore_current(places: dict[_Loop | None, _Loop]) -> None:
    """Make the loop current that was current in the parent, or its replacement."""
    running, current = _forker.running, _forker.current
    _forker.running = _forker.current = None
    if running in places:
        set_running_loop(None)
        sys.set_asyncgen_hooks(None, None)
        current = running
    if current in places:
        asyncio.set_event_loop(places[current])


def _close_ours() -> None:
    copies.close_copies()
    for loop in _ours:
        if loops.can_close(loop):
            io_loops.pop(loop, None)
            loop.close()


_pending_call = _PendingCall(_go_on)
# These hooks are C functions: the pending call would be made inside a Python one.
os.register_at_fork(
    before=_before,
    after_in_parent=_in_parent,
    after_in_child=functools.partial(ctypes.pythonapi.Py_AddPendingCall, _pending_call, None),
)
# Since 3.13, if another thread than the parent's main one forks, that main thread is asked to make
# the call. The child looks for its own pending calls when it takes the interpreter's lock.
os.register_at_fork(after_in_child=functools.partial(time.sleep, 0))
atexit.register(_close_ours)
