"""What a test leaves behind in a loop, in a reactor and in the process."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Hashable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.base import DelayedCall
from twisted.internet.error import ConnectionLost
from twisted.python import log
from twisted.python.failure import Failure

from triloop.private.cpython import timers_of, watched_by

__all__ = ["Found", "discard", "in_loop", "in_process", "in_reactor", "new_since"]

#: What was found: each thing, and a line that names it.
Found = dict[Hashable, str]
#: Seconds for a thread to end that has done its work.
_LAST_STEPS = 0.1
#: The classes of uvloop whose objects are connections and ports.
_STREAMS = {"TCPTransport", "UnixTransport", "UDPTransport"} | {
    "ReadUnixTransport",
    "WriteUnixTransport",
}
#: The timed calls of uvloop that belong to something else that is found, or to the engine.
_OF_LIBRARY = ("_set_result_unless_cancelled", "Timeout._on_timeout", "Embedding._expired")
#: The processes that serve multiprocessing, and stay.
_OF_MULTIPROCESSING = (b"multiprocessing.resource_tracker", b"multiprocessing.forkserver")


class Child(NamedTuple):
    """A child process.

    Attributes:
        pid: Its number.
        started: When it has started, in clock ticks: numbers of processes are used again.
    """

    pid: int
    started: str


def in_loop(loop: asyncio.AbstractEventLoop) -> Found:
    """Find tasks, timed calls and descriptors of a loop.

    Args:
        loop: The running loop. The current task does not count.
    """
    found: Found = {}
    for task in asyncio.all_tasks(loop) - {asyncio.current_task(loop)}:
        found[task] = f"a task: {task!r}"
    for timer, callback in timers_of(loop).items():
        if not _is_of_library(callback):
            found[timer] = f"a delayed call: {timer!r}"
    for fd, callbacks in watched_by(loop).items():
        found[fd] = f"a connection or port: descriptor {fd} of {callbacks}"
    if type(loop).__module__.startswith("uvloop"):
        found.update(_in_uvloop(loop.time()))
    return found


def _in_uvloop(now: float) -> Iterator[tuple[Hashable, str]]:
    """What the collector knows of uvloop's objects: that loop itself does not tell."""
    for one in gc.get_objects():
        kind = type(one)
        if kind.__module__ != "uvloop.loop":
            continue
        if kind.__name__ == "TimerHandle":
            text = repr(one)
            if not one.cancelled() and one.when() > now and not any(x in text for x in _OF_LIBRARY):
                yield one, f"a delayed call: {text}"
        elif kind.__name__ == "Server":
            if one.sockets:
                yield one, f"a connection or port: {one!r}"
        elif kind.__name__ in _STREAMS and not one.is_closing():
            yield one, f"a connection or port: {one!r} of {one.get_extra_info('sockname')}"


def in_reactor(reactor: Any) -> Found:
    """Find delayed calls, connections and ports."""
    found: Found = {}
    for call in reactor.getDelayedCalls():
        if not _is_of_library(call.func):
            found[call] = f"a delayed call: {call}"
    for selectable in {*reactor.getReaders(), *reactor.getWriters()}:
        found[selectable] = f"a connection or port: {selectable!r}"
    return found


def in_process(reactor: Any) -> Found:
    """Find threads, but for those of the reactor's pool; and on Linux child processes."""
    pool = getattr(reactor, "threadpool", None)
    threads = set(threading.enumerate()).difference(pool.threads if pool is not None else ())
    found: Found = {thread: f"a thread: {thread!r}" for thread in threads}
    for children in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # that thread has just ended
            found.update(_described(map(int, children.read_text().split())))
    return found


def _described(pids: Iterator[int]) -> Iterator[tuple[Child, str]]:
    for pid in pids:
        with suppress(OSError):  # it has just been waited for
            folder = Path("/proc", str(pid))
            command = (folder / "cmdline").read_bytes()
            if not any(mark in command for mark in _OF_MULTIPROCESSING):
                # The name before the parenthesis may have spaces.
                started = (folder / "stat").read_text().rpartition(")")[2].split()[19]
                text = command.replace(b"\0", b" ").decode(errors="replace").strip()
                yield Child(pid, started), f"a child process: {pid} {text or '(has ended)'}"


def new_since(before: Found, now: Found) -> Found:
    """Give what is there now and was not before."""
    new = {key: line for key, line in now.items() if key not in before}
    for thread in [key for key in new if isinstance(key, threading.Thread)]:
        thread.join(_LAST_STEPS)
        if not thread.is_alive():
            del new[thread]
    return new


def _is_of_library(callback: object) -> bool:
    """Whether a timed call belongs to something else that is found, or to the engine."""
    return str(getattr(callback, "__module__", "")).startswith(("asyncio.", "triloop.embedding"))


def discard(reactor: Any, found: Found) -> None:
    """Cancel the calls, cut the connections and kill the children, before later tests."""
    for one in found:
        if isinstance(one, DelayedCall):
            if one.active():
                one.cancel()
        elif isinstance(one, Child):
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
        elif hasattr(one, "connectionLost"):
            reactor.removeReader(one)
            reactor.removeWriter(one)
            log.callWithLogger(one, one.connectionLost, Failure(ConnectionLost("a test left it")))
