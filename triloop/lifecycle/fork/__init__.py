"""What becomes of reactors and loops in a child that ``os.fork`` makes.

A child inherits every descriptor of its parent, and with them the kernel objects behind: what it
takes out of an inherited epoll, the parent has lost too. So each poller, waker and self-pipe gets a
kernel object of its own, under the number it had, before Python code goes on in a child. After that
the child's reactors and loops are what they were before they ran::

    in the parent                       | in the child
    ------------------------------------+---------------------------------------------------------
    listening port, datagram port       | served too: the kernel gives each peer to one process
    connection, pipe, child process     | the parent's: this copy is closed at the first use of a
                                        |   loop or reactor, and no protocol is told
    timed call, call of another thread  | the parent's: it happens there, once
    startup and shutdown triggers       | kept; a reactor that ran may be started anew
    threads of a pool or an executor    | there are none; the pool makes its own when it is used
    stock loop that does not run        | the same loop, with its listening ports and what is ready
    stock loop that runs                | a new one of its class takes its place
    uvloop                              | the same: it does not show what is scheduled on it
    ReactorEventLoop, TwistedIOLoop     | the same loop, at rest
    reactor that is not epoll, kqueue,  | refuses work, and says why
      poll or select                    |

The loop that was current is so in the child, or what took its place. A run that is under way when
its own callback forks ends in the child as soon as that callback returns; the child may also go on
within it, and never return.

A child that only runs another program is not changed: it may exist to pass on just those
descriptors, and its parent may wait for it.

* C code that forks has Python's hooks called in the child, as uvloop does for each program that it
  runs; but no Python code follows there. So the hook leaves a pending call and no more, which the
  interpreter makes before the next instruction of Python code: in a child of ``os.fork``, before
  the result of the fork is looked at.
* Python code that goes on may run a program too. So what is done at once is what no program can
  see: it begins with none of the pollers, wakers and self-pipes. The copies of the parent's
  connections stay open until a loop or a reactor is used; to close them is the first thing that
  these do (:mod:`triloop.lifecycle.fork.copies`).
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

#: Modules that fork in order to run a program at once: to prepare the child would be for nothing.
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
    """In a child in which Python code goes on, before that does: the pending call."""
    guests, nested = all_reactors(), open_loops()
    if (guests or nested) and not _forker.runs_program:
        guests = [guest for guest in guests if not _refuse(guest)]
        hosts = [one for one in _hosts_of(guests) if one not in nested and not one.is_closed()]
        _renew(guests, nested, hosts)
        copies.count_open()
    return 0


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
    # All pollers first: what is in one may be the number of another.
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
    """The loop itself, fit for this process, or the one that takes its place."""
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
    """Make that loop current which was so in the parent, or what has taken its place."""
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
# No Python functions: the call would be made within those.
os.register_at_fork(
    before=_before,
    after_in_parent=_in_parent,
    after_in_child=functools.partial(ctypes.pythonapi.Py_AddPendingCall, _pending_call, None),
)
# Since 3.13 it is the main thread of the parent that is told, if another one forks. What the
# child has to do itself is looked up when it takes the interpreter's lock.
os.register_at_fork(after_in_child=functools.partial(time.sleep, 0))
atexit.register(_close_ours)
