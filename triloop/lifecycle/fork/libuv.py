"""libuv's own way to have a loop anew in a child."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from typing import Any

__all__ = ["forget_descriptors", "part_loop"]

#: The type of what ``uv_walk`` calls for each handle.
_Visitor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)

#: A pair of connected sockets for ever, of which neither end is written to.
_silence: list[int] = []


def part_loop(loop: Any) -> None:
    """Give a uvloop kernel objects of its own: poller, rings, wake-up descriptor, signal pipe.

    What it watches it goes on to watch. It has to be libuv itself that does this: by the side of
    its epoll it has an io_uring, whose queues are memory that a child shares with its parent. What
    a child asks for there may be done for the parent, or for nobody; and libuv aborts the process
    whose account does not tally.

    :raises OSError: when the kernel refuses.
    """
    polled = loop._get_backend_id()
    error = _libuv().uv_loop_fork(_pointer(loop))
    if error:
        raise OSError(-error, os.strerror(-error))
    # In the middle of a run libuv remembers the number of the poller that it has asked.
    if loop.is_running() and loop._get_backend_id() != polled:
        os.dup2(loop._get_backend_id(), polled, inheritable=False)


def forget_descriptors(loop: Any) -> None:
    """Have a severed uvloop watch nothing, and close its copies of what is its own.

    It has its transports under lock and key, and closes a number but once: so that is kept, and
    stands for a socket on which nothing ever happens.
    """
    for fd in _descriptors(loop):
        with contextlib.suppress(RuntimeError):  # a transport's
            loop.remove_reader(fd)
            loop.remove_writer(fd)
    if not _silence:
        _silence.extend(end.detach() for end in socket.socketpair())
    for fd in _descriptors(loop):
        os.dup2(_silence[0], fd, inheritable=False)


def _descriptors(loop: Any) -> list[int]:
    """The descriptors of all handles that have one and are not about to be closed."""
    found = []
    libuv, number = _libuv(), ctypes.c_int()

    def visit(handle: int, _: object) -> None:
        if libuv.uv_fileno(ctypes.c_void_p(handle), ctypes.byref(number)) == 0:
            found.append(number.value)

    libuv.uv_walk(_pointer(loop), _Visitor(visit), None)
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
