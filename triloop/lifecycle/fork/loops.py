"""asyncio loops in a child: made usable again, or replaced."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import contextvars
import functools
import gc
import signal
import socket
from typing import Any

from tornado.ioloop import IOLoop

from triloop.lifecycle.fork.copies import (
    close_at_use,
    close_copies,
    close_socket,
    is_inherited,
)
from triloop.lifecycle.fork.descriptors import (
    close_pidfd,
    is_shareable,
    unshare_pair,
    unshare_poller,
)
from triloop.lifecycle.fork.libuv import (
    close_descriptors,
    descriptors,
    disable,
    is_reachable,
    unshare_loop,
)
from triloop.private.cpython import leave_task_behind
from triloop.private.inherited_loop import (
    abandon_transport,
    call_first,
    drop_executor,
    drop_generators,
    drop_ready,
    drop_servers_paths,
    drop_timers,
    is_stock,
    poller_of,
    ready_in,
    self_pipe,
    signals_of,
    take_files,
    transports_of,
    unregister_task,
    watched_for,
)
from triloop.private.tornado import io_loops
from triloop.private.uvloop import is_libuv

__all__ = [
    "begin_with_copies",
    "can_close",
    "discard_loop",
    "end_run",
    "is_reachable",
    "is_whole",
    "move_io_loop",
    "renew",
    "resume_signals",
    "similar_loop",
    "unshare",
]

#: The parent's unfinished work; see :data:`triloop.lifecycle.fork.reactors._left`.
_left: list[Any] = []


def is_whole(loop: Any) -> bool:
    """Whether no other thread was closing the loop when the process forked."""
    if loop.is_closed():
        return False
    return not is_stock(loop) or all(end and end.fileno() >= 0 for end in self_pipe(loop))


def unshare(loop: Any) -> None:
    """Give the loop a poller and self-pipe of its own."""
    if is_stock(loop):
        unshare_poller(poller_of(loop), "_selector")
        unshare_pair(*self_pipe(loop))
    elif is_libuv(loop):
        unshare_loop(loop)
        own = [one for one in gc.get_referents(loop) if isinstance(one, socket.socket)]
        if own:  # a running one has a pair of sockets for signals
            unshare_pair(*own)


def renew(loop: Any, *, keeps_ports: bool = True) -> None:
    """Reset an unshared stock loop to the state of one that does not run.

    If it runs in the parent, all its callbacks are dropped.

    Args:
        loop: A stock asyncio loop.
        keeps_ports: Whether it keeps serving its listening ports; otherwise they are closed.
    """
    ran = loop.is_running()
    _drop_callbacks(loop, ready=ran)
    _renew_descriptors(loop, keeps_ports)
    drop_servers_paths(loop)  # they are the parent's to unlink
    _left.append(drop_executor(loop))
    if ran:
        _left.append(drop_generators(loop))


def _drop_callbacks(loop: Any, *, ready: bool) -> None:
    """Drop the parent's timers and, if ``ready``, its ready callbacks."""
    going_on = () if ready else ready_in(loop)
    _abandon_tasks(asyncio.all_tasks(loop).difference(going_on))
    _left.append(drop_timers(loop))
    if ready:
        _left.append(drop_ready(loop))


def _abandon_tasks(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        _left.append(task)
        leave_task_behind(task)
        unregister_task(task)


def _renew_descriptors(loop: Any, keeps_ports: bool) -> None:
    poller = poller_of(loop)
    keys = list(poller.get_map().values())
    own = self_pipe(loop)[0].fileno()
    for key in keys:
        poller.unregister(key.fileobj)
    for key in keys:
        if key.fd == own or (keeps_ports and is_shareable(key.fd)):
            poller.register(key.fileobj, key.events, key.data)
        else:
            _abandon(loop, key)
    served = poller.get_map()
    for fd, transport in transports_of(loop).items():  # a paused one is in no poller
        if fd not in served:
            _abandon_transport(transport)
    if keeps_ports:
        _drop_handlers(loop, served)


def _abandon(loop: Any, key: Any) -> None:
    """Stop watching a key's descriptor; close what is known to be used through it only."""
    _left.append(key)
    for handle in filter(None, key.data):
        owner, arguments = watched_for(handle)
        _abandon_transport(owner)
        for argument in arguments:
            if isinstance(argument, socket.socket):  # a server's, or sock_recv's
                close_at_use(close_socket, argument)
    close_at_use(close_pidfd, key.fd)


def _abandon_transport(transport: Any) -> None:
    if not isinstance(transport, asyncio.BaseTransport):
        return
    _left.append(transport)
    abandon_transport(transport)
    close_at_use(_close_transport, transport)


def _close_transport(transport: asyncio.BaseTransport) -> None:
    for held in take_files(transport):
        if isinstance(held, socket.socket):
            close_socket(held)
        elif is_inherited(held.fileno()):  # a pipe
            held.close()


def _drop_handlers(loop: Any, served: Any) -> None:
    """Remove Tornado's handlers of descriptors that the loop does not serve any more."""
    io_loop: Any = io_loops.get(loop)
    if io_loop is None:
        return
    for fd in [fd for fd in io_loop.handlers if fd not in served]:
        _abandon_handler(io_loop, fd)


def _abandon_handler(io_loop: Any, fd: int) -> None:
    fileobj, handler = io_loop.handlers.pop(fd)
    _left.append(handler)
    io_loop.readers.discard(fd)
    io_loop.writers.discard(fd)
    if isinstance(fileobj, socket.socket):
        close_at_use(close_socket, fileobj)


def similar_loop(loop: Any) -> asyncio.AbstractEventLoop:
    """A new loop of the same class and settings; of the default class if that needs arguments."""
    fresh: asyncio.AbstractEventLoop = _new_like(loop)
    fresh.set_debug(loop.get_debug())
    fresh.set_exception_handler(loop.get_exception_handler())
    fresh.set_task_factory(loop.get_task_factory())
    if hasattr(loop, "slow_callback_duration"):
        fresh.slow_callback_duration = loop.slow_callback_duration
    return fresh


def _new_like(loop: Any) -> Any:
    if is_stock(loop) or is_libuv(loop):
        with contextlib.suppress(TypeError):  # the class needs arguments, which are not known here
            return type(loop)()
    return asyncio.new_event_loop()


def move_io_loop(old: Any, new: Any) -> None:
    """Move Tornado's IOLoop, with the listening ports it has handlers for, to another loop."""
    io_loop: Any = io_loops.pop(old, None)
    if io_loop is None:
        return
    io_loops[new] = io_loop
    readers, handlers = set(io_loop.readers), dict(io_loop.handlers)
    for fd in handlers:  # removed first: libuv aborts on a descriptor that has been closed
        old.remove_reader(fd)
        old.remove_writer(fd)
    io_loop.asyncio_loop = io_loop.selector_loop = new
    for fd, (fileobj, handler) in handlers.items():
        if is_shareable(fd):
            del io_loop.handlers[fd]
            io_loop.add_handler(fileobj, handler, IOLoop.READ if fd in readers else 0)
        else:
            _abandon_handler(io_loop, fd)


def end_run(loop: Any) -> None:
    """End the inherited run as soon as the callback that forked returns."""
    if is_libuv(loop):
        loop.call_soon_threadsafe(_end_run, loop)
    else:
        call_first(loop, _end_run, loop)


def _end_run(loop: Any) -> None:
    close_copies()
    loop.stop()


def begin_with_copies(loop: Any) -> None:
    """Have a loop that does not run close the inherited copies before anything else."""
    if is_stock(loop):
        call_first(loop, close_copies)
    else:
        loop.call_soon(close_copies, context=contextvars.Context())


def discard_loop(loop: Any) -> None:
    """Discard an unshared uvloop: it is closed at the first use of a loop or reactor.

    If it is in the middle of a run, only the run is ended: it polls once more, and runs what is
    ready once more.
    """
    _abandon_tasks(asyncio.all_tasks(loop))
    if not loop.is_running():
        _close_at_use(loop)
        return
    disable(loop)
    close_at_use(close_descriptors, loop)
    for handle in _ready_in(loop):
        _left.append(gc.get_referents(handle))
        handle.cancel()
    end_run(loop)


def _close_at_use(loop: Any) -> None:
    """Close a uvloop when the child first uses it, or any other loop or reactor."""
    kind = type(loop)
    names = [one for one in dir(kind) if one[0] != "_" and callable(getattr(kind, one))]

    def use(name: str, *args: Any, **kw: Any) -> Any:
        close_copies()
        return getattr(loop, name)(*args, **kw)

    def close() -> None:
        for name in names:
            delattr(loop, name)
        if all(map(is_inherited, descriptors(loop))):  # else it would close other files
            loop.close()

    for name in names:
        setattr(loop, name, functools.partial(use, name))
    close_at_use(close)


def _ready_in(loop: object) -> list[Any]:
    """The ready handles of a uvloop, found by the garbage collector; some may have run already."""
    queues = [one for one in gc.get_referents(loop) if isinstance(one, collections.deque)]
    return [handle for queue in queues for handle in queue]


def can_close(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether ``loop`` can be closed: it is open and does not run."""
    return (is_stock(loop) or is_libuv(loop)) and not (loop.is_closed() or loop.is_running())


def resume_signals(loop: Any) -> None:
    """Have signals wake a loop that has handlers for them."""
    if signals_of(loop):
        signal.set_wakeup_fd(self_pipe(loop)[1].fileno())
