"""What is measured: contenders, jobs and the points at which a job is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = [
    "ASYNCIO",
    "BARE",
    "CONTENDERS",
    "EPOLL",
    "JOBS",
    "KIB",
    "LOOP_EPOLL",
    "LOOP_OWN",
    "LOOP_SELECT",
    "MIB",
    "OURS",
    "PART",
    "QUICK_AWAITS",
    "QUICK_POINTS",
    "RLOOP",
    "SUITES",
    "TORNADO",
    "TORNADO_UVLOOP",
    "TRADITION",
    "TRADITION_UVLOOP",
    "TRANSFER",
    "UVLOOP",
    "Job",
    "Point",
]

# The limit: no framework at all.
BARE = "bare epoll"
# Twisted's reactors.
EPOLL = "EPollReactor"
TRADITION = "AsyncioSelectorReactor"
TRADITION_UVLOOP = "AsyncioSelectorReactor, uvloop"
TORNADO = "TornadoReactor"
TORNADO_UVLOOP = "TornadoReactor, uvloop"
# asyncio's loops.
ASYNCIO = "asyncio"
UVLOOP = "uvloop"
RLOOP = "rloop"
LOOP_EPOLL = "ReactorEventLoop, epoll"
LOOP_SELECT = "ReactorEventLoop, select"
#: The second loop of a process: the first one has the global reactor.
LOOP_OWN = "ReactorEventLoop, own reactor"

#: In the order of the columns.
_REACTORS = (EPOLL, TRADITION, TRADITION_UVLOOP, TORNADO, TORNADO_UVLOOP)
_LOOPS = (ASYNCIO, UVLOOP, RLOOP, LOOP_EPOLL, LOOP_SELECT)
#: rloop has no TLS.
_TLS_LOOPS = tuple(name for name in _LOOPS if name != RLOOP)

CONTENDERS = (BARE, *_REACTORS, *_LOOPS, LOOP_OWN)
OURS = (TORNADO, TORNADO_UVLOOP, LOOP_EPOLL, LOOP_SELECT, LOOP_OWN)

KIB = 1024
MIB = KIB * KIB
#: Bytes of a download.
TRANSFER = 100 * MIB
#: Bytes of an upload that the server acknowledges before the next ones are sent. Were there more
#: under way than a core's cache holds, it would be chance how much of it is there when it is read.
PART = 128 * KIB
_SIZES = (64, KIB, 100 * KIB)
_CROWDS = (1, 50, 1000)


@dataclass(frozen=True, order=True)
class Point:
    """One load: busy connections, bytes in a message (0: the job's own), idle connections.

    The default is for work without connections. ``workers`` is how many processes share the port.
    """

    connections: int = 0
    size: int = 0
    idle: int = 0
    workers: int = 0

    @property
    def parts(self) -> float:
        """How many operations a request counts for: a transfer is counted by the MiB."""
        return self.size / MIB if self.size in {PART, TRANSFER} else 1

    def __str__(self) -> str:
        parts = []
        if self.connections:
            parts.append(f"{self.connections} connection{'s' * (self.connections > 1)}")
        if self.size:
            parts.append(_in_bytes(self.size))
        if self.idle:
            parts.append(f"{self.idle:,} idle beside")
        if self.workers:
            parts.append(f"{self.workers} worker{'s' * (self.workers > 1)}")
        return ", ".join(parts)


def _in_bytes(size: int) -> str:
    for unit, name in ((MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"


@dataclass(frozen=True)
class Job:
    """Something that every contender does.

    ``kind`` says how it is measured: ``tcp``, ``tls``, ``udp``, ``http``, ``websocket``,
    ``download`` and ``upload`` are servers under load, ``work`` is a program that measures itself,
    ``client`` one that asks a site, ``workers`` are servers that share a port.

    A client has connected to a server and left before, unless the job is ``fresh``. Stock asyncio
    costs far more until then: each read maps and unmaps 256 KiB, until the first end of a stream
    raises the threshold of glibc's allocator.
    """

    name: str
    kind: str
    contenders: tuple[str, ...]
    points: tuple[Point, ...] = (Point(),)
    fresh: bool = False

    @property
    def baseline(self) -> str:
        """The first contender after the bare loop."""
        return next(name for name in self.contenders if name != BARE)

    def native(self, contender: str) -> str:
        """What a program would run on without triloop, and what a contender is compared with."""
        world = _REACTORS if contender in _REACTORS else _LOOPS
        return next(
            (name for name in self.contenders if name in world and name not in OURS), self.baseline
        )

    def at(self, points: tuple[Point, ...]) -> Job:
        """The same job at fewer points."""
        return replace(self, points=tuple(p for p in self.points if p in points))


_ECHO = tuple(Point(crowd, size) for size in _SIZES for crowd in _CROWDS)
_FEW = (Point(1, KIB), Point(50, KIB))
_PAGE = (Point(1), Point(50))
_IDLE = (Point(50, KIB), Point(50, KIB, idle=10_000))
#: A Future natively; a Deferred by Twisted's function and triloop's; and the other way. Last a
#: coroutine by Twisted's driver, and as a Task.
_AWAITED = (
    *("future", "asFuture", "as_future", "wait", "deferred", "fromFuture", "as_deferred"),
    *("coroutine", "coroutine-task"),
)

#: So many at once that the server never waits for the load.
_DOWNLOAD = (Point(4, TRANSFER),)
_UPLOAD = (Point(4, PART),)
_TRANSFER_REACTORS = (EPOLL, TORNADO, TORNADO_UVLOOP)
_TRANSFER_LOOPS = (ASYNCIO, UVLOOP, LOOP_EPOLL, LOOP_SELECT)
#: uvloop has no sendfile.
_SENDFILE_LOOPS = (ASYNCIO, LOOP_EPOLL, LOOP_SELECT)

#: Enough for a first look.
QUICK_POINTS = (*_FEW, *_PAGE)
QUICK_AWAITS = {"await-future", "await-deferred"}

_LOOP_JOBS = (
    Job("twisted-echo", "tcp", (BARE, *_REACTORS), _ECHO),
    Job("asyncio-echo", "tcp", (BARE, *_LOOPS, LOOP_OWN), _ECHO),
    Job("streams-echo", "tcp", _LOOPS, _ECHO),
    Job("tornado-echo", "tcp", _LOOPS, _ECHO),
    Job("asyncio-fresh", "tcp", (BARE, *_LOOPS), (Point(50, KIB),), fresh=True),
    Job("streams-fresh", "tcp", _LOOPS, (Point(50, KIB),), fresh=True),
    Job("twisted-tls", "tls", _REACTORS, _FEW),
    Job("asyncio-tls", "tls", _TLS_LOOPS, _FEW),
    Job("twisted-udp", "udp", (BARE, *_REACTORS), _FEW),
    Job("asyncio-udp", "udp", (BARE, *_LOOPS), _FEW),
    Job("twisted-web", "http", _REACTORS, _PAGE),
    Job("tornado-web", "http", _LOOPS, _PAGE),
    Job("aiohttp-web", "http", _LOOPS, _PAGE),
    Job("twisted-idle", "tcp", _REACTORS, _IDLE),
    Job("asyncio-idle", "tcp", _LOOPS, _IDLE),
    Job("twisted-pull", "download", _TRANSFER_REACTORS, _DOWNLOAD),
    Job("twisted-push", "download", _TRANSFER_REACTORS, _DOWNLOAD),
    Job("twisted-upload", "upload", _TRANSFER_REACTORS, _UPLOAD),
    Job("asyncio-download", "download", _TRANSFER_LOOPS, _DOWNLOAD),
    Job("asyncio-writelines", "download", _TRANSFER_LOOPS, _DOWNLOAD),
    Job("asyncio-sendfile", "download", _SENDFILE_LOOPS, _DOWNLOAD),
    Job("asyncio-upload", "upload", _TRANSFER_LOOPS, _UPLOAD),
    Job("asyncio-buffered", "upload", _TRANSFER_LOOPS, _UPLOAD),
    Job("tornado-download", "http", _TRANSFER_LOOPS, _DOWNLOAD),
    Job("timers", "work", (*_REACTORS, *_LOOPS)),
    Job("timers-reset", "work", _REACTORS),
    Job("call-at", "work", _LOOPS),
    Job("wait-for", "work", _LOOPS),
    Job("thread-calls", "work", (*_REACTORS, *_LOOPS)),
    # AsyncioSelectorReactor on uvloop sometimes loses the end of a child, and waits for ever.
    Job("spawn", "work", tuple(n for n in (*_REACTORS, *_LOOPS) if n != TRADITION_UVLOOP)),
    # asyncio's own children, with 100 connections open: plain sockets, or the reactor's.
    Job("spawn-beside", "work", (UVLOOP, TORNADO_UVLOOP)),
    *(Job(f"await-{what}", "work", (ASYNCIO, UVLOOP, RLOOP, LOOP_EPOLL)) for what in _AWAITED),
    # Tornado and Twisted's own reactor, without triloop and with it.
    Job("import", "work", (EPOLL, TORNADO)),
)

_ASYNCIO_REACTORS = (TRADITION, TRADITION_UVLOOP, TORNADO, TORNADO_UVLOOP)
_DOWNLOADS = (Point(20, 10 * KIB), Point(20, MIB))

#: Programs that many people have; the first contender is what they run on by default.
_APPLICATION_JOBS = (
    Job("scrapy-crawl", "client", _ASYNCIO_REACTORS, (Point(size=10 * KIB),)),
    Job("channels-echo", "websocket", _ASYNCIO_REACTORS, _FEW),
    Job("aiohttp-downloads", "client", (ASYNCIO, UVLOOP, LOOP_EPOLL), _DOWNLOADS),
    Job("treq-downloads", "client", _REACTORS, _DOWNLOADS),
)

_WORKERS = (Point(32, workers=1), Point(32, workers=2))
_FORKED = (EPOLL, TORNADO, TORNADO_UVLOOP, ASYNCIO, LOOP_EPOLL)

#: Two processes beside one.
_WORKER_JOBS = (
    Job("workers-fork", "workers", _FORKED, _WORKERS),
    Job("workers-reuse-port", "workers", _FORKED, _WORKERS),
)

#: What is measured in one run, by the name that the command line takes.
SUITES = {"loops": _LOOP_JOBS, "applications": _APPLICATION_JOBS, "workers": _WORKER_JOBS}
JOBS = tuple(job for suite in SUITES.values() for job in suite)
