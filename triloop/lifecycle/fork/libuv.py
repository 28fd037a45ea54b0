"""A uvloop in a child, by libuv's functions."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from typing import Any

from triloop.lifecycle.fork.copies import is_inherited
from triloop.lifecycle.fork.descriptors import is_shareable
from triloop.private.uvloop import poller_number

__all__ = ["close_descriptors", "descriptors", "disable", "is_reachable", "unshare_loop"]

#: The type of the callback of ``uv_walk``, called for each handle.
_Visitor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)

#: A connected pair of sockets to which nothing is ever written; it stays open.
_silent: list[int] = []
#: Types of handles: uv_handle_type.
_PIPE, _TCP, _TIMER, _TTY, _UDP = 7, 12, 13, 14, 15
_STREAMS = {_PIPE, _TCP, _TTY}


class _Stream(ctypes.Structure):
    """The first fields of a uv_stream_t; up to ``flags`` every handle has them."""

    type: int
    write_queue_size: int

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("loop", ctypes.c_void_p),
        ("type", ctypes.c_int),
        ("close_cb", ctypes.c_void_p),
        ("queue", ctypes.c_void_p * 2),
        ("u", ctypes.c_void_p * 4),
        ("next_closing", ctypes.c_void_p),
        ("flags", ctypes.c_uint),
        ("write_queue_size", ctypes.c_size_t),
    )


def is_reachable() -> bool:
    """Whether this build of uvloop shows libuv's functions."""
    return hasattr(_libuv(), "uv_loop_fork")


def unshare_loop(loop: Any) -> None:
    """Give a uvloop kernel objects of its own: poller, rings, wake-up descriptor, signal pipe.

    It keeps watching the same descriptors. libuv itself has to do this: besides its epoll it has an
    io_uring, whose queues are in memory that the child shares with the parent. The kernel may carry
    out a child's request for the parent, or not at all; and libuv aborts the process when it counts
    its requests wrong.

    Raises:
        OSError: The kernel refuses.
    """
    polled = poller_number(loop)
    error = _libuv().uv_loop_fork(_pointer(loop))
    if error:
        raise OSError(-error, os.strerror(-error))
    # In the middle of a run libuv still uses the number of the poller that it has polled.
    if loop.is_running() and poller_number(loop) != polled:
        os.dup2(poller_number(loop), polled, inheritable=False)


def disable(loop: Any) -> None:
    """Stop an unshared uvloop in the middle of a run from calling or sending anything more.

    It may still work through the result of its last poll. Descriptors are not changed, except those
    that libuv would otherwise read or write.
    """
    for fd in descriptors(loop):
        with contextlib.suppress(RuntimeError):  # it belongs to a transport
            loop.remove_reader(fd)
            loop.remove_writer(fd)
    for handle in _handles(loop):
        _disable(handle)


def _disable(handle: int) -> None:
    libuv, at, stream = _libuv(), ctypes.c_void_p(handle), _Stream.from_address(handle)
    if stream.type == _TIMER:
        libuv.uv_timer_stop(at)
    elif stream.type in _STREAMS:
        libuv.uv_read_stop(at)
        if stream.write_queue_size or is_shareable(_number(handle)):
            _replace_by_silent(_number(handle))
    elif stream.type == _UDP:
        _replace_by_silent(_number(handle))


def close_descriptors(loop: Any) -> None:
    """Close the copies of the parent's connections that a disabled uvloop has.

    uvloop does not show its transports, and closes each descriptor number itself. So the number is
    kept, for a socket on which nothing ever happens.
    """
    for fd in descriptors(loop):
        if is_inherited(fd):
            _replace_by_silent(fd)


def _replace_by_silent(fd: int) -> None:
    if not _silent:
        _silent.extend(end.detach() for end in socket.socketpair())
    if fd > 2:
        os.dup2(_silent[0], fd, inheritable=False)


def descriptors(loop: Any) -> list[int]:
    """The descriptors of all handles that have one and are not about to be closed."""
    return [fd for fd in map(_number, _handles(loop)) if fd >= 0]


def _number(handle: int) -> int:
    number = ctypes.c_int()
    error = _libuv().uv_fileno(ctypes.c_void_p(handle), ctypes.byref(number))
    return -1 if error else number.value


def _handles(loop: Any) -> list[int]:
    """The addresses of the loop's handles."""
    found: list[int] = []
    _libuv().uv_walk(_pointer(loop), _Visitor(lambda handle, _: found.append(handle)), None)
    return found


def _libuv() -> Any:
    """The libuv that is built into uvloop."""
    from uvloop import loop as extension

    return ctypes.PyDLL(extension.__file__)


def _pointer(loop: Any) -> ctypes.c_void_p:
    """The ``uv_loop_t`` of a uvloop."""
    from uvloop import loop as extension

    capsule = extension.libuv_get_loop_t_ptr(loop)  # type: ignore[attr-defined]  # not in the stub
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.argtypes, get.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    return ctypes.c_void_p(get(capsule, None))
