"""The common parts of both worlds: ends of connections, and the script that plays a program."""

from __future__ import annotations

import array
import contextlib
import fcntl
import random
import socket
import termios
from collections.abc import Iterator, Sequence
from typing import Any

from tests.property.stream_fuzzer.programs import ENDS_WRITING, WRITES, Op, Program, Step

__all__ = ["End", "Rest", "Scene", "limit_buffers", "logged_error", "queued"]

#: Linux's SIOCOUTQNSD: what a TCP socket has not sent yet because the other end is full.
_UNSENT = 0x894B
#: The bytes that an end sends again and again: the value of each follows from its position.
_PERIOD = 7919
#: How often it comes depends on how much a socket takes at once.
_FLOW = {"pause", "resume"}
#: Passes of the loop for which bytes may be on their way.
PATIENCE = 400
#: So many bytes may be in two sockets with limited buffers, or not.
BUFFER, BORDERLINE = 1 << 16, range(30_000, 700_000)
_BLOCK = random.Random(0).randbytes(_PERIOD) * (2 + (1 << 20) // _PERIOD)


class End:
    """One end of a connection: does what a step says and notes what it is told."""

    def __init__(self, scene: Scene, name: str, made: Sequence[Op], lost: Sequence[Op]) -> None:
        self.scene = scene
        self.name = name
        self.ops: dict[str, Sequence[Op]] = {"made": made, "inside": (), "lost": lost}
        self.reading: list[str] = []
        self.writing: list[str] = []
        self.received = 0
        self.in_order = True
        #: Where in its stream it was at the last snapshot.
        self.place = 0
        self.last: tuple[object, ...] = ()
        self.position = 0
        self.transport: Any = None
        self.peer: End = self
        #: Whether it has a connection.
        self.is_open = False
        #: Whether it was told to end its writing, in an earlier callback.
        self.ended = False
        #: Whether the peer has ended its writing.
        self.heard_all = False
        #: Whether it was paused at any time since the last snapshot.
        self.was_paused = False
        #: Whether, being paused, it keeps something from being sent; or did when one end was lost,
        #: or the peer has aborted what it was about to send.
        self.blocks = False

    def told(self, event: str, *channels: list[str]) -> None:
        """Record an event; data and flow control are joined to an event of their kind before it."""
        self.scene.activity += 1
        for channel in channels or (self.reading, self.writing):
            if channel and {channel[-1], event} <= _FLOW:
                channel.pop()
            if event != "data" or not channel or channel[-1] != "data":
                channel.append(event)

    def takes(self, data: bytes) -> None:
        """Take received data, and run the step that is due inside of it."""
        self.told("data", self.reading)
        for start in range(0, len(data), 1 << 20):
            piece = data[start : start + (1 << 20)]
            place = self.received % _PERIOD
            self.in_order = self.in_order and piece == _BLOCK[place : place + len(piece)]
            self.received += len(piece)
        self.due("inside")

    def due(self, where: str) -> None:
        """Run the step for this callback, once."""
        ops, self.ops[where] = self.ops[where], ()
        self.do_all(ops)

    def do_all(self, ops: Sequence[Op]) -> None:
        """Do these things in turn; what they raise is an event."""
        ended = self.ended
        writes = any(op.name in WRITES for op in ops)
        iterated = False
        for op in ops:
            if op.name in WRITES and (ended or self.has_no_certain_end(op)):
                continue
            writes |= self.position != self.place or self.produces()
            if op.name in ENDS_WRITING and writes and self.has_unread():
                continue
            if iterated and self.produces() and op.name in {"unregister", *ENDS_WRITING}:
                continue
            if op.name == "iterate" and self.ended:
                continue
            iterated |= op.name == "iterate"
            self.ended = self.ended or op.name in ENDS_WRITING
            if op.name == "abort" and self.position != self.place:
                self.peer.blocks = True
            try:
                self.do(op)
            except Exception as problem:  # noqa: BLE001 - whatever the transport raises
                self.told(f"{op.name} raised {type(problem).__name__}", self.writing)

    def has_no_certain_end(self, op: Op) -> bool:
        """Whether the outcome of a write depends on how much the kernel takes."""
        if self.is_open and self.peer.ended and self.ends_with_input:
            return True
        if not self.is_open or (self.reads() and self.peer.reads()):
            return False
        if not self.peer.is_open:
            return not self.reads()
        on_the_way = self.position - self.peer.received + sum(op.sizes)
        return not self.peer.reads() and on_the_way in BORDERLINE

    def has_unread(self) -> bool:
        """Whether it would reset the connection by closing it."""
        return self.is_open and queued(self.socket(), termios.FIONREAD) > 0

    def do(self, op: Op) -> None:
        """Do one thing."""
        getattr(self, f"do_{op.name}")(*op.sizes)

    def bytes_of(self, size: int) -> bytes:
        """The next bytes that this end is to send."""
        start = self.position % _PERIOD
        self.position += size
        return _BLOCK[start : start + size]

    def snapshot(self, peer: End) -> tuple[object, ...]:
        """The events since the last one, and how much was received if that is certain."""
        if self.is_open and peer.is_open:
            self.blocks = self.is_paused and has_sent(peer, self)
        elif self.was_paused:
            self.blocks = True
        count = None if self.was_paused or self.blocks else self.received
        self.was_paused = self.is_paused
        reading, self.reading = self.reading, []
        writing, self.writing = self.writing, []
        self.place = self.position
        if not self.produces():  # what it was told last depends on how much was sent at once
            writing = [event for event in writing if event not in _FLOW]
        writing += self.state()
        if count is None:  # neither is certain when the data comes
            reading = [event for event in reading if event != "data"]
        return tuple(reading), tuple(writing), count, self.in_order

    is_paused = False
    #: Whether it is lost at the end of its input, and what it has not sent with it.
    ends_with_input = False

    def produces(self) -> bool:
        """Whether it has a producer that is not at its end."""
        return False

    def state(self) -> list[str]:
        """Its state when nothing moves."""
        return []

    def reads(self) -> bool:
        """Whether it reads."""
        raise NotImplementedError

    def busy(self) -> bool:
        """Whether a write or TLS would now be too early or too late."""
        raise NotImplementedError

    def unsent(self) -> int:
        """How many bytes wait in the process."""
        raise NotImplementedError

    def socket(self) -> socket.socket:
        """The socket below the transport."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        raise NotImplementedError

    def read_on(self) -> None:
        """Read what there is, whatever was paused."""
        self.do(Op("resume"))

    def finish(self) -> None:
        """Let everything come to its end."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Abort the connection."""
        raise NotImplementedError


def limit_buffers(sock: socket.socket) -> None:
    """Have a socket hold little, and send it at once."""
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def has_sent(end: End, peer: End) -> bool:
    """Whether something waits in the process or in the kernel, on the way to ``peer``."""
    waiting = (end.socket(), _UNSENT), (peer.socket(), termios.FIONREAD)
    return end.unsent() > 0 or any(queued(*queue) for queue in waiting)


def queued(sock: socket.socket, queue: int) -> int:
    """How many bytes are in a queue of the kernel's; 0 where there is none of the kind."""
    number = array.array("i", [0])
    with contextlib.suppress(OSError, ValueError):
        fcntl.ioctl(sock, queue, number)
    return number[0]


def logged_error(event: Any) -> str | None:
    """The name of the exception that a log event is about, if it is about one."""
    failure = event.get("log_failure") or event.get("failure")  # the latter from log.err()
    return None if failure is None else str(failure.type.__name__)


class Rest:
    """Decides whether nothing moves any more; called once in each pass of the loop.

    Bytes that an end should read and does not are an error, after a while.
    """

    def __init__(self, scene: Scene, passes: int) -> None:
        self.scene = scene
        self.passes = passes
        self.activity = -1
        self.idle = self.stuck = 0

    def come(self) -> bool:
        """Whether that is so."""
        if self.activity != self.scene.activity:
            self.activity, self.idle, self.stuck = self.scene.activity, 0, 0
        elif self.scene.is_moving() and self.stuck < PATIENCE:
            self.stuck += 1
        else:
            self.idle += 1
        if self.stuck == PATIENCE and self.idle == 1:
            self.scene.errors.append("bytes that are not read")
        return self.idle > self.passes

    @property
    def pause(self) -> float:
        """Seconds to wait before the next pass."""
        return 0.0005 if self.stuck or self.idle == self.passes else 0


class Scene:
    """A program that is being played."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.activity = 0
        self.ends: list[tuple[End, End]] = []
        #: Names of uncaught errors.
        self.errors: list[str] = []
        self.outcome: list[Any] = []

    def ops_at(self, pair: int, end: int, where: str) -> list[Op]:
        """The operations of an end in the callback of this name."""
        steps = self.program.steps
        return [op for s in steps if (s.pair, s.end, s.where) == (pair, end, where) for op in s.ops]

    def script(self) -> Iterator[None]:
        """Play the program; at each ``yield`` it waits until nothing moves any more."""
        for end, peer in self.ends:
            end.peer, peer.peer = peer, end
        yield
        self.outcome.append(self.snapshot("made"))
        for number, step in enumerate(self.program.steps):
            if step.where in {"outside", "inside", "tls"}:
                self.begin(step)
                yield
                self.outcome.append(self.snapshot(f"step {number}"))
        every = [end for pair in self.ends for end in pair]
        for finish in ("read_on", "finish"):
            for end in every:
                if end.is_open:
                    getattr(end, finish)()
                yield
                self.outcome.append(self.snapshot(f"{finish} {end.name}"))
        for end in every:
            if end.is_open:
                self.outcome.append(f"{end.name} hangs")
                end.give_up()
        yield

    def has_tls(self) -> bool:
        """Whether any connection goes by TLS, at one time or another."""
        media = {pair.medium for pair in self.program.pairs}
        return "tls" in media or any(step.where == "tls" for step in self.program.steps)

    def begin(self, step: Step) -> None:
        """Begin a step."""
        end, peer = self.ends[step.pair][:: -1 if step.end else 1]
        if step.where == "tls":
            if all(e.is_open and not e.busy() for e in (end, peer)):
                self.start_tls(end, peer)
        elif step.where == "outside":
            if end.is_open:
                end.do_all(step.ops)
        elif end.is_open and peer.is_open and not (peer.busy() or peer.ended):
            end.ops["inside"] = step.ops
            peer.send(peer.bytes_of(1))

    def is_moving(self) -> bool:
        """Whether bytes are on their way to an end that reads."""
        ways = [way for pair in self.ends for way in (pair, pair[::-1])]
        return any(end.is_open and peer.reads() and has_sent(end, peer) for end, peer in ways)

    def start_tls(self, server: End, client: End) -> None:
        """Have both ends go on in TLS."""
        raise NotImplementedError

    def snapshot(self, when: str) -> tuple[object, ...]:
        """The events of all ends since the last one; ends without events are left out."""
        errors, self.errors = sorted(self.errors), []
        told: list[object] = []
        for way in [way for pair in self.ends for way in (pair, pair[::-1])]:
            end = way[0]
            last, end.last = end.last, end.snapshot(way[1])
            if end.last != ((), (), *last[2:]):
                told.append((end.name, *end.last))
        return when, *told, *errors
