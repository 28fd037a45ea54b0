"""An asyncio loop as a host: stock, uvloop, qasync, Tornado's, any that has ``add_reader``."""

from __future__ import annotations

import asyncio
import socket
import sys
import warnings

from tornado.ioloop import IOLoop

from triloop.adapters.twisted_in_asyncio.interrupts import stop_run
from triloop.default_loop import host_loops, loop_of_running_reactor, usable_loop
from triloop.private.cpython import current_loop, running_loop
from triloop.protocol import Callback, Cancellable

__all__ = ["AsyncioHost", "asyncio_loop", "check_host", "current_host", "named", "open_loop"]


#: Modules of loops that refuse to run within their own callbacks. The loops of GUIs do not, nor do
#: loops that nest_asyncio has patched.
_NEVER_NESTED = ("asyncio.", "uvloop.", "triloop.")


class _Reader:
    """A descriptor watched on a loop."""

    __slots__ = ("_fd", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int, callback: Callback) -> None:
        self._loop = loop
        self._fd = fd
        loop.add_reader(fd, callback)
        host_loops.add(loop)

    def cancel(self) -> None:
        host_loops.discard(self._loop)
        # A closed loop has no readers any more, and raises.
        if not self._loop.is_closed():
            self._loop.remove_reader(self._fd)


class AsyncioHost:
    """A :class:`~triloop.protocol.Host` that is an asyncio loop.

    Args:
        loop: Any loop with ``add_reader``; it may run, or be run later.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.call_soon = loop.call_soon
        self.call_later = loop.call_later
        self.call_soon_threadsafe = loop.call_soon_threadsafe

    @property
    def nests(self) -> bool:
        """See :attr:`triloop.protocol.Host.nests`."""
        origin = getattr(type(self.loop).run_forever, "__module__", None) or ""
        return not origin.startswith(_NEVER_NESTED)

    def watch(self, fd: int, callback: Callback) -> Cancellable:
        """See :meth:`triloop.protocol.Host.watch`."""
        _tell_trio_asyncio(self.loop)
        return _Reader(self.loop, fd, callback)

    def interrupt(self, reason: BaseException) -> None:
        """Raise ``reason``: from an asyncio callback it reaches the caller of ``run_forever``.

        In a GUI's loop it does not, so the run is stopped where it is one of this package's.
        """
        if not self.nests or not stop_run(self.loop, reason):
            raise reason


def _tell_trio_asyncio(loop: asyncio.AbstractEventLoop) -> None:
    """Set the loop in the present context, which is the request's own, if it is trio-asyncio's.

    There a reader is a Trio task, and code in it finds the running loop by that task's context.
    """
    trio_asyncio = sys.modules.get("trio_asyncio")
    if trio_asyncio is not None and isinstance(loop, trio_asyncio.BaseTrioEventLoop):
        trio_asyncio.current_loop.set(loop)


def check_host(loop: asyncio.AbstractEventLoop) -> None:
    """Check that ``loop`` can be a host.

    Raises:
        RuntimeError: It is closed, or runs in another thread.
        TypeError: It cannot watch descriptors.
    """
    if loop.is_closed():
        raise RuntimeError(
            f"{loop!r} is closed, and no reactor can run inside it: give an open loop, or make "
            "one the current loop"
        )
    usable_loop(loop)
    _check_add_reader(loop)
    _check_uvloop(loop)


def _check_add_reader(loop: asyncio.AbstractEventLoop) -> None:
    """Try whether ``loop`` can watch descriptors: all loops have the methods, not all work."""
    reading, writing = socket.socketpair()
    with reading, writing:
        try:
            loop.add_reader(reading.fileno(), _never)
            loop.remove_reader(reading.fileno())
        except NotImplementedError:
            raise TypeError(
                f"a Twisted reactor can run only inside a loop that has add_reader, and {loop!r} "
                "does not implement it: use a selector loop (asyncio.SelectorEventLoop), uvloop, "
                "or, for Qt, qasync"
            ) from None


def _never() -> None:
    """Never called: nothing is written to the other end."""


#: Older versions may deliver a response to the wrong request.
_GOOD_UVLOOP = (0, 23)

_warned_of_uvloop = False


def _check_uvloop(loop: asyncio.AbstractEventLoop) -> None:
    """Warn of an old uvloop, once a process."""
    global _warned_of_uvloop  # noqa: PLW0603 - once a process
    uvloop = sys.modules.get("uvloop")
    if uvloop is None or _warned_of_uvloop or not isinstance(loop, uvloop.Loop):
        return
    version = str(uvloop.__version__)
    if tuple(int(part) for part in version.split(".")[:2]) < _GOOD_UVLOOP:
        _warned_of_uvloop = True
        warnings.warn(
            f"uvloop {version} can hand a response to another request than its own: install "
            "uvloop>=0.23",
            RuntimeWarning,
            stacklevel=2,
        )


def asyncio_loop(io_loop: IOLoop | asyncio.AbstractEventLoop | None) -> asyncio.AbstractEventLoop:
    """The asyncio loop for ``io_loop``: itself, that of an IOLoop, or for None the current one.

    Raises:
        TypeError: It is neither.
        RuntimeError: None, where a reactor of Twisted's runs in this thread without a loop.
    """
    if io_loop is None:
        io_loop = running_loop() or loop_of_running_reactor() or _current_io_loop()
    loop = getattr(io_loop, "asyncio_loop", io_loop)
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise TypeError(
            f"a TornadoReactor needs a Tornado IOLoop or an asyncio event loop; got {io_loop!r}"
        )
    return loop


def current_host(reactor: object) -> asyncio.AbstractEventLoop | None:
    """The current loop, unless it runs inside the reactor, which then cannot run inside it."""
    current = current_loop()
    return None if getattr(current, "reactor", None) is reactor else current


def open_loop(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """The loop itself; a new one, which becomes the current one, where it is closed."""
    if loop.is_closed():
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
    return loop


def _current_io_loop() -> IOLoop:
    """Tornado's current loop. If there is none it is made on purpose, so without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "There is no current event loop", DeprecationWarning)
        return IOLoop.current()


def named(loop: asyncio.AbstractEventLoop) -> str:
    """A loop's repr and address, to tell two loops of a class apart."""
    return f"{loop!r} at {id(loop):#x}"
