"""Programs over pairs of connections, each made from a seed.

A program is played one step at a time: the next one begins when nothing moves any more. So what the
ends have seen after a step is the same on every loop, save for what no protocol may rely on. That
is left out of the comparison, and all of it is named here:

* how received bytes are cut into pieces: pieces between two other events count as one;
* how far an end that is paused, or was paused within a step, has read by then: buffers are the
  kernel's. It is resumed at the end of the program, and its bytes count there;
* how often a producer, or a protocol, is told to pause and to resume within a step: only what it
  was told last counts;
* the order of what an end reads and of what it is told about its writes (pause, resume, end of
  the write side), and the order of events of two ends: two sockets are ready in any order;
* whether what is written to a peer that does not read is sent, where that depends on how much the
  kernel takes: no end writes between 30 and 700 kB then; and how
  much of what was written just before an abort;
* whether what is written after the end of writing is sent, unless it is written in the same
  callback (on asyncio and in TLS there too): no end does that;
* how much of what was written just before arrives when a connection is closed with unread input,
  which resets it: no end does that;
* Twisted: ``loseWriteConnection`` on a connection whose writing has ended already, which is the end
  of it: no end calls it twice;
* Twisted: whether what is written just before the end of input, which ends the connection of a
  protocol that is not half-closeable, is sent: no end does that;
* asyncio: whether a protocol is told of the end of its input before the error of a write, which
  depends on how much is read at once: no end writes between the two;
* after how many bytes, written to a peer that is gone by one that does not read, the reset of the
  connection is heard of: no end does that;
* Twisted: how much a producer writes while the reactor is iterated in a callback, and so what is
  sent if it is taken away, or the connection ended, in the same one: no end does that;
* Twisted: what a reactor does with an end of writing that it comes by while it is iterated in the
  connection's own callback. EPollReactor then ends the writing twice, and the connection with it;
* what differs from one run to the next on the native loop itself. A difference is one when the
  outcome is none of those that some native runs have.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["ENDS_WRITING", "WRITES", "Op", "Pair", "Program", "Step", "make"]

SIZES = [0, 1, 10, 1000, 16_384, 65_535, 65_536, 65_537, 131_072, 131_073, 300_000, 1 << 20]
WEIGHTS = [2, 4, 6, 6, 4, 2, 2, 2, 2, 2, 2, 1]

#: What an end may do, and how often it does.
OPS = {
    "twisted": {
        "write": 14,
        "sequence": 6,
        "push": 4,
        "pull": 4,
        "pause": 4,
        "resume": 5,
        "iterate": 2,
        "unregister": 1,
        "lose": 2,
        "lose_write": 2,
        "abort": 1,
    },
    "asyncio": {
        "write": 14,
        "lines": 6,
        "pause": 4,
        "resume": 5,
        "limits": 2,
        "sendfile": 2,
        "switch": 2,
        "eof": 2,
        "close": 2,
        "abort": 1,
    },
}
WRITES = {"write", "sequence", "push", "pull", "lines", "sendfile"}
ENDS_WRITING = {"lose", "lose_write", "eof", "close", "abort"}
KINDS = {"twisted": ["plain", "half-closeable"], "asyncio": ["plain", "buffered", "keeps open"]}
MEDIA = ["tcp", "tcp", "unix", "tls"]


@dataclass(frozen=True)
class Op:
    """One thing that an end does; ``sizes`` are numbers of bytes, or what the op makes of them."""

    name: str
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Step:
    """Some things that an end does in one callback.

    ``where``: "outside", in a callback of the loop; "inside", when it is next handed data; "made",
    when its connection is made; "lost", when it is lost; "tls": both ends go on in TLS.
    """

    pair: int
    end: int
    where: str
    ops: tuple[Op, ...] = ()


@dataclass(frozen=True)
class Pair:
    """A connection: by what, and the kinds of protocol at its server's and its client's end."""

    medium: str
    kinds: tuple[str, str]


@dataclass(frozen=True)
class Program:
    """What is played on two loops and compared."""

    world: str
    seed: int
    pairs: tuple[Pair, ...]
    steps: tuple[Step, ...]


def make(world: str, seed: int) -> Program:
    """The program of a seed; ``world`` is "twisted" or "asyncio"."""
    rng = random.Random(f"{world} {seed}")
    pairs = tuple(
        Pair(rng.choice(MEDIA), (rng.choice(KINDS[world]), rng.choice(KINDS[world])))
        for _ in range(rng.choice([1, 1, 1, 2, 3]))
    )
    steps = [_step(rng, world, pairs) for _ in range(rng.randint(2, 10))]
    for number, pair in enumerate(pairs):
        if pair.medium == "tcp" and rng.random() < 0.2:
            steps.insert(rng.randint(0, 2), Step(number, 0, "tls"))
    return Program(world, seed, pairs, tuple(steps))


def _step(rng: random.Random, world: str, pairs: tuple[Pair, ...]) -> Step:
    where = rng.choices(["outside", "inside", "made", "lost"], [6, 6, 1, 1])[0]
    ops = [_op(rng, world) for _ in range(rng.choice([1, 1, 2, 2, 3, 4]))]
    if where == "made":  # both ends at once: what one has written may meet the other's end
        ops = [op for op in ops if op.name not in {*ENDS_WRITING, "pause"}]
    return Step(rng.randrange(len(pairs)), rng.randrange(2), where, tuple(ops))


def _op(rng: random.Random, world: str) -> Op:
    weights = OPS[world]
    name = rng.choices(list(weights), list(weights.values()))[0]
    sizes = rng.choices(SIZES, WEIGHTS, k=_count(rng, name))
    if name == "pull":  # a producer that is asked for more and writes nothing is not asked again
        sizes = [size for size in sizes if size]
    return Op(name, tuple(sizes))


def _count(rng: random.Random, name: str) -> int:
    """How many sizes an op has."""
    if name in {"write", "push", "sendfile", "limits"}:
        return 1
    if name in {"sequence", "lines", "pull"}:
        return rng.randint(0, 4)
    return 0
