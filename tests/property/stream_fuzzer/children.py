"""Programs over child processes and their pipes.

A step is over when all that the child will say to it has come, or the child has ended. Compared is
what is told of each pipe, how the child has ended, and that its end is told last.
"""

from __future__ import annotations

import asyncio
import random
import signal
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.protocol import ProcessProtocol

__all__ = ["Children", "on_loop", "on_reactor"]

#: What a child does with its input, and by which pipe it gives how much of it back.
COMMANDS: dict[str, tuple[str, int, int]] = {
    "cat": ("exec cat", 1, 1 << 30),
    "cat to stderr": ("exec cat >&2", 2, 1 << 30),
    "head": ("exec head -c 1000", 1, 1000),
    "closes its stdout": ("exec cat >&2 1>&-", 2, 1 << 30),
    "closes its stdin": ("exec 0<&-; echo out", 1, 0),
    "says something": ("echo out; echo err >&2; exit 5", 1, 0),
    "ends at once": ("exit 3", 1, 0),
    "is killed": ("kill -9 $$", 1, 0),
    "sleeps": ("exec sleep 60", 1, 0),
}
#: Those that go on without a word, and those that end by themselves.
SILENT = {"sleeps"}
ENDING = {name for name, (_, _, most) in COMMANDS.items() if not most} - SILENT
SIZES = [0, 1, 1000, 65_536, 65_537, 300_000]
OPS = {"write": 8, "lines": 3, "close": 2, "terminate": 1, "kill": 1, "lose": 1}
ENDS = {"close", "terminate", "kill", "lose"}
#: Seconds between two looks, and how many looks anything may take.
LOOK, PATIENCE = 0.001, 10_000

Op = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class Children:
    """A program: its children's commands, and the steps, each an op of one of them."""

    world: str
    seed: int
    commands: tuple[str, ...]
    #: Whether a child has a terminal in the place of pipes; in Twisted only.
    terminal: bool
    steps: tuple[tuple[int, bool, tuple[Op, ...]], ...]

    @classmethod
    def make(cls, world: str, seed: int) -> Children:
        """The program of a seed."""
        rng = random.Random(f"{world} {seed}")
        terminal = world.startswith("twisted") and rng.random() < 0.15
        known = ["says something", "ends at once", "is killed"] if terminal else list(COMMANDS)
        commands = tuple(rng.choice(known) for _ in range(rng.choice([1, 1, 2])))
        steps = tuple(_step(rng, len(commands)) for _ in range(rng.randint(1, 5)))
        return cls(world, seed, commands, terminal, () if terminal else steps)


def _step(rng: random.Random, children: int) -> tuple[int, bool, tuple[Op, ...]]:
    names = rng.choices(list(OPS), list(OPS.values()), k=rng.choice([1, 1, 2]))
    ops = tuple((name, tuple(rng.choices(SIZES, k=rng.randint(1, 3)))) for name in names)
    return rng.randrange(children), rng.random() < 0.3, ops


@dataclass
class Child:
    """A child, and what was told of it."""

    command: str
    told: dict[int, list[str]] = field(default_factory=lambda: {0: [], 1: [], 2: []})
    life: list[str] = field(default_factory=list)
    received: dict[int, bytearray] = field(
        default_factory=lambda: {0: bytearray(), 1: bytearray(), 2: bytearray()}
    )
    sent: int = 0
    inside: tuple[Op, ...] = ()
    transport: Any = None
    is_over: bool = False
    #: Whether it was told to end; in a step; and by a signal, perhaps.
    ends: bool = False
    is_cut_off: bool = False
    is_killed: bool = False

    def takes(self, fd: int, data: bytes) -> None:
        """Note what has come, and do what is due inside of that."""
        self.received[fd] += data
        ops, self.inside = self.inside, ()
        self.do_all(ops)

    def lost(self, fd: int, problem: BaseException | None = None) -> None:
        """Note the end of a pipe."""
        self.told[fd].append(f"lost: {type(problem).__name__}")

    def do_all(self, ops: tuple[Op, ...]) -> None:
        """Do these things in turn; what the transport raises is an event."""
        for name, sizes in ops:
            if self.is_over or self.ends:
                return
            if name in ENDS and name != "close" and self.command in ENDING:
                continue  # which end comes first is up to the kernel
            self.ends = name in ENDS and (name != "close" or self.command not in SILENT)
            self.is_killed = self.ends and name != "close"
            try:
                getattr(self, f"do_{name}")(*sizes)
            except Exception as problem:  # noqa: BLE001 - whatever the transport raises
                self.life.append(f"{name} raised {type(problem).__name__}")

    def bytes_of(self, size: int) -> bytes:
        """The next bytes to send."""
        start = self.sent % 251
        self.sent += size
        return (bytes(range(251)) * (2 + size // 251))[start : start + size]

    def is_at_rest(self) -> bool:
        """Whether nothing more will come before something else is done."""
        if self.is_over:
            return True
        _, fd, most = COMMANDS[self.command]
        if self.ends:
            return False
        if self.command in SILENT:
            return True
        if self.command == "head":  # it says all at its end
            return self.sent < most
        return most > 0 and len(self.received[fd]) >= self.sent

    def outcome(self) -> list[Any]:
        """What was told, and what was received if nothing has cut that off."""
        bytes_ = {
            fd: (len(data), zlib.crc32(data))
            for fd, data in self.received.items()
            if not (self.is_cut_off or self.command == "head")
        }
        return [self.command, self.told, bytes_, self.life]


class Scene:
    """A program that is being played."""

    def __init__(self, program: Children) -> None:
        self.program = program
        self.children: list[Child] = []
        self.stuck: list[str] = []

    def script(self) -> Iterator[None]:
        """Play the program; at each ``yield`` there is time for the children."""
        for number, inside, ops in self.program.steps:
            child = self.children[number]
            if inside:
                child.inside = ops
            child.do_all((("write", (1,)),) if inside else ops)
            yield from self.wait(child.is_at_rest)
        for child in self.children:
            child.inside, child.is_cut_off = (), child.ends
            child.do_all((("kill" if child.command == "sleeps" else "close", ()),))
            yield from self.wait(lambda child=child: child.is_over)

    def wait(self, come: Any) -> Iterator[None]:
        """Wait until something is so, or for a long time."""
        for _ in range(PATIENCE):
            if come():
                return
            yield
        self.stuck.append(f"never at rest: {[child.command for child in self.children]}")

    def outcome(self) -> list[Any]:
        """What has come of it."""
        return [*(child.outcome() for child in self.children), self.stuck]


class _TwistedChild(Child, ProcessProtocol):
    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.takes(childFD, data)

    def outReceived(self, data: bytes) -> None:  # of a terminal
        self.takes(1, data)

    def childConnectionLost(self, childFD: int) -> None:
        self.lost(childFD)

    def processExited(self, reason: Any) -> None:
        self.life.append(f"exited: {reason.value.exitCode} {reason.value.signal}")

    def processEnded(self, reason: Any) -> None:
        self.life.append(f"ended: {reason.value.exitCode} {reason.value.signal}")
        self.is_over = True

    def do_write(self, *sizes: int) -> None:
        for size in sizes:
            self.transport.write(self.bytes_of(size))

    def do_lines(self, *sizes: int) -> None:
        self.transport.writeSequence([self.bytes_of(size) for size in sizes])

    def do_close(self, *_: int) -> None:
        self.transport.closeStdin()

    def do_terminate(self, *_: int) -> None:
        self.transport.signalProcess("TERM")

    def do_kill(self, *_: int) -> None:
        self.transport.signalProcess("KILL")

    def do_lose(self, *_: int) -> None:
        self.transport.loseConnection()
        if self.command == "sleeps":
            self.do_kill()


def on_reactor(program: Children, reactor: Any, folder: Path) -> list[Any]:
    """The outcome of a program on a reactor, which is of no use afterwards."""
    scene = Scene(program)

    def open_all() -> None:
        for command in program.commands:
            child = _TwistedChild(command)
            scene.children.append(child)
            line = ["sh", "-c", COMMANDS[command][0]]
            reactor.spawnProcess(child, "/bin/sh", line, usePTY=program.terminal)
        follow(scene.script())

    def follow(script: Iterator[None]) -> None:
        try:
            next(script)
        except StopIteration:
            reactor.stop()
        else:
            reactor.callLater(LOOK, follow, script)

    reactor.callWhenRunning(open_all)
    reactor.run()  # with its handler for SIGCHLD
    return scene.outcome()


class _AsyncioChild(Child, asyncio.SubprocessProtocol):
    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.takes(fd, data)

    def pipe_connection_lost(self, fd: int, exc: BaseException | None) -> None:
        self.lost(fd, exc)

    def process_exited(self) -> None:
        # Sending a signal may take the status away from the thread that waits for it.
        self.life.append(
            "exited" if self.is_killed else f"exited: {self.transport.get_returncode()}"
        )

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, exc: BaseException | None) -> None:
        self.life.append(f"ended: {type(exc).__name__}")
        self.is_over = True
        self.transport.close()  # or it warns that it was not closed

    def do_write(self, *sizes: int) -> None:
        for size in sizes:
            self.transport.get_pipe_transport(0).write(self.bytes_of(size))

    def do_lines(self, *sizes: int) -> None:
        self.transport.get_pipe_transport(0).writelines([self.bytes_of(size) for size in sizes])

    def do_close(self, *sizes: int) -> None:
        stdin = self.transport.get_pipe_transport(0)
        stdin.write_eof() if len(sizes) == 1 else stdin.close()

    def do_terminate(self, *_: int) -> None:
        self.transport.send_signal(signal.SIGTERM)

    def do_kill(self, *_: int) -> None:
        self.transport.kill()

    def do_lose(self, *_: int) -> None:
        self.transport.close()


async def _play(scene: Scene) -> None:
    loop = asyncio.get_running_loop()
    for command in scene.program.commands:
        child = _AsyncioChild(command)
        scene.children.append(child)
        await loop.subprocess_exec(lambda child=child: child, "sh", "-c", COMMANDS[command][0])  # type: ignore[misc]
    for _ in scene.script():
        await asyncio.sleep(LOOK)


def on_loop(program: Children, loop: asyncio.AbstractEventLoop, folder: Path) -> list[Any]:
    """The outcome of a program on a loop, which is closed afterwards."""
    scene = Scene(program)
    try:
        loop.run_until_complete(_play(scene))
    finally:
        loop.close()
    return scene.outcome()
