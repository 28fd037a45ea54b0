"""libuv's own way to renew a loop in a child."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from typing import Any

from triloop.lifecycle.fork.copies import is_inherited
from triloop.lifecycle.fork.descriptors import is_shareable
from triloop.private.uvloop import poller_number

__all__ = ["descriptors", "forget_descriptors", "is_reachable", "quieten", "unshare_loop"]

#: The type of what ``uv_walk`` calls for each handle.
_Visitor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)

#: A pair of connected sockets for ever, of which neither end is written to.
_silent: list[int] = []
#: Types of handles: uv_handle_type.
_PIPE, _TCP, _TIMER, _TTY, _UDP = 7, 12, 13, 14, 15
_STREAMS = {_PIPE, _TCP, _TTY}


class _Stream(ctypes.Structure):
    """The beginning of a uv_stream_t; up to ``flags``, that of every handle."""

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

    It goes on watching the same descriptors. libuv itself has to do this: besides its epoll it has
    an io_uring, and a child shares the memory of its queues with the parent. The kernel may carry
    out a child's request for the parent, or not at all; and libuv aborts the process when the count
    of its requests is wrong.

    Raises:
        OSError: The kernel refuses.
    """
    polled = poller_number(loop)
    error = _libuv().uv_loop_fork(_pointer(loop))
    if error:
        raise OSError(-error, os.strerror(-error))
    # In the middle of a run libuv remembers the number of the poller that it has asked.
    if loop.is_running() and poller_number(loop) != polled:
        os.dup2(poller_number(loop), polled, inheritable=False)


def quieten(loop: Any) -> None:
    """Have an unshared uvloop that is in the middle of a run call nothing more, and send nothing.

    What it is about to look at may be the number of the poller's last answer. All descriptors
    stay as they are, but for those from which libuv cannot be kept otherwise.
    """
    for fd in descriptors(loop):
        with contextlib.suppress(RuntimeError):  # a transport's
            loop.remove_reader(fd)
            loop.remove_writer(fd)
    for handle in _handles(loop):
        _quieten(handle)


def _quieten(handle: int) -> None:
    libuv, at, stream = _libuv(), ctypes.c_void_p(handle), _Stream.from_address(handle)
    if stream.type == _TIMER:
        libuv.uv_timer_stop(at)
    elif stream.type in _STREAMS:
        libuv.uv_read_stop(at)
        if stream.write_queue_size or is_shareable(_number(handle)):
            _silence(_number(handle))
    elif stream.type == _UDP:
        _silence(_number(handle))


def forget_descriptors(loop: Any) -> None:
    """Close the copies that a quiet uvloop has of what is its own.

    It does not give its transports away, and closes a number but once: so that is kept, and
    stands for a socket on which nothing ever happens.
    """
    for fd in descriptors(loop):
        if is_inherited(fd):
            _silence(fd)


def _silence(fd: int) -> None:
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
    """The library that uvloop has brought along."""
    from uvloop import loop as extension

    return ctypes.PyDLL(extension.__file__)


def _pointer(loop: Any) -> ctypes.c_void_p:
    """The ``uv_loop_t`` of a uvloop."""
    from uvloop import loop as extension

    capsule = extension.libuv_get_loop_t_ptr(loop)  # type: ignore[attr-defined]  # not in the stub
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.argtypes, get.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
    return ctypes.c_void_p(get(capsule, None))
