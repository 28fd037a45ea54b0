"""What becomes of reactors and loops in a child that ``os.fork`` makes.

A child inherits every descriptor of its parent, and with them the kernel objects behind: what it
takes out of an inherited epoll, the parent has lost too. So the first thing that happens in a
child is that each poller, waker and self-pipe gets a kernel object of its own, under the number
it had. After that the child's reactors and loops are what they were before they ran::

    in the parent                       | in the child
    ------------------------------------+---------------------------------------------------------
    listening port, datagram port       | served too: the kernel gives each peer to one process
    connection, pipe, child process     | the parent's: this copy is closed, and nobody is told
    timed call, call of another thread  | the parent's: it happens there, once
    startup and shutdown triggers       | kept; a reactor that ran may be started anew
    threads of a pool or an executor    | there are none; the pool makes its own when it is used
    stock loop that does not run        | the same loop, with its listening ports and what is ready
    stock loop that runs                | a new one of its class takes its place
    uvloop                              | the same: it does not tell what it has in hand
    ReactorEventLoop, TwistedIOLoop     | the same loop, at rest
    reactor that is not epoll, kqueue,  | refuses work, and says why
      poll or select                    |

The loop that was current is so in the child, or what took its place. A run that is under way when
its own callback forks ends in the child as soon as that callback returns; the child may also go on
within it, and never return.

A process that forks only to run another program (``subprocess``, ``spawnProcess``) is let alone:
it may want to pass on just those descriptors.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from tornado.ioloop import IOLoop
from twisted.internet import process as processes

from triloop.adapters.asyncio_in_twisted.loop import ReactorEventLoop, open_loops
from triloop.adapters.twisted_in_asyncio.reactor import TornadoReactor, all_reactors
from triloop.lifecycle.fork import loops, reactors
from triloop.private.cpython import current_loop
from triloop.process.signal_handlers import reset_handlers

_Loop = asyncio.AbstractEventLoop

#: Modules that fork in order to run another program in the child, at once.
_EXECUTORS = frozenset({"subprocess", "twisted.internet.process"})


class _Forker(threading.local):
    """What the forking thread was about."""

    current: _Loop | None = None
    running: _Loop | None = None


_forker = _Forker()
#: Loops that nobody but this module knows of, or that were left in the middle of a run.
_ours: list[_Loop] = []


def _before() -> None:
    if _is_executor(sys._getframe(1)):
        return
    _forker.current = current_loop()
    _forker.running = asyncio._get_running_loop()
    for reactor in _reactors_at_hand():
        reactors.share_ports(reactor)


def _is_executor(caller: FrameType) -> bool:
    """Whether the function that forks will run another program in the child, at once."""
    return caller.f_globals.get("__name__") in _EXECUTORS


def _reactors_at_hand() -> list[Any]:
    guests: list[Any] = [guest for guest in all_reactors() if not guest.is_closed]
    return guests + [loop.reactor for loop in open_loops() if loop.reactor not in guests]


def _in_child() -> None:
    if _is_executor(sys._getframe(1)):
        return
    guests, nested = all_reactors(), open_loops()
    if not guests and not nested:
        return
    hosts = {guest._asyncioEventloop: None for guest in guests}
    _renew(guests, nested, [loop for loop in hosts if loop not in nested and not loop.is_closed()])


def _renew(
    guests: list[TornadoReactor], nested: list[ReactorEventLoop], hosts: list[_Loop]
) -> None:
    signal.set_wakeup_fd(-1)  # the parent's
    processes.reapProcessHandlers.clear()  # they are not this process's children
    every = _reactors_at_hand()
    # All pollers first: what is in one may be the number of another.
    for reactor in every:
        reactors.sever(reactor)
    for loop in (*nested, *hosts):
        loops.sever(loop)
    places: dict[_Loop | None, _Loop] = {loop: loop for loop in nested}
    places.update((loop, _renew_loop(loop)) for loop in hosts)
    for loop in nested:
        loops.renew(loop)
    for guest in guests:
        old = guest._asyncioEventloop
        guest.restart_in_child(places.get(old, old))
    for reactor in every:
        reactors.renew(reactor)
    for loop in nested:
        loop.rest_in_child(can_run=reactors.is_renewable(loop.reactor))
    _restore_current(places)
    reset_handlers({number for loop in places.values() for number in loops.signals_of(loop)})


def _renew_loop(loop: _Loop) -> _Loop:
    """The loop itself, fit for this process, or the one that takes its place."""
    if loops.is_stock(loop) and not loop.is_running():
        loops.renew(loop)
        loops.resume_signals(loop)
        return loop
    if loops.is_stock(loop):
        loops.renew(loop, keeps_ports=False)
        loop.stop()
    fresh = loops.alike(loop)
    loops.move_io_loop(loop, fresh)
    if loops.is_libuv(loop):
        loops.retire(loop)
    _ours.extend([loop, fresh])
    return fresh


def _restore_current(places: dict[_Loop | None, _Loop]) -> None:
    """Make that loop current which was so in the parent, or what has taken its place."""
    running, current = _forker.running, _forker.current
    _forker.running = _forker.current = None
    if running in places:
        asyncio._set_running_loop(None)
        sys.set_asyncgen_hooks(None, None)
        current = running
    if current in places:
        asyncio.set_event_loop(places[current])


def _close_ours() -> None:
    for loop in _ours:
        if loops.can_close(loop):
            IOLoop._ioloop_for_asyncio.pop(loop, None)
            loop.close()


os.register_at_fork(before=_before, after_in_child=_in_child)
atexit.register(_close_ours)
