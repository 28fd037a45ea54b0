"""``python -m tests.property.stream_fuzzer``: play many programs, or one of a known seed again.

Exits with status 1 when a program has differed that ``exceptions.txt`` does not name.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from twisted.logger import globalLogBeginner

from tests.property.stream_fuzzer.judge import WORLDS, differences

EXCEPTIONS = Path(__file__).with_name("exceptions.txt")


def excused() -> set[tuple[str, int]]:
    """The programs whose difference has a reason: one line each, with world, seed and reason."""
    lines = [line.split(maxsplit=2) for line in EXCEPTIONS.read_text().splitlines()]
    return {(line[0], int(line[1])) for line in lines if line and not line[0].startswith("#")}


def seeds(arguments: argparse.Namespace) -> Iterator[tuple[str, int]]:
    worlds = [arguments.world] if arguments.world else list(WORLDS)
    if arguments.seed is not None:
        yield from ((world, arguments.seed) for world in worlds)
        return
    end = time.monotonic() + arguments.seconds
    seed = arguments.first if arguments.first is not None else time.time_ns() // 1000 % 10**9
    while time.monotonic() < end:
        yield from ((world, seed) for world in worlds)
        seed += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", choices=WORLDS, help="of one world only")
    parser.add_argument("--seed", type=int, help="play this program only")
    parser.add_argument("--seconds", type=float, default=60, help="for how long to go on")
    parser.add_argument("--first", type=int, help="the seed to begin with")
    arguments = parser.parse_args()
    # Errors that are logged are a part of the outcome.
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    played: Counter[str] = Counter()
    reasons = excused()
    for world, seed in seeds(arguments):
        found, varies = differences(world, seed)
        played[world] += 1
        played["that vary on the native loop"] += varies
        if found and (world, seed) in reasons:
            played["excused"] += 1
        elif found:
            played["different"] += 1
            print(*found, sep="\n", flush=True)  # noqa: T201 - what it is run for
    print(", ".join(f"{count} {what}" for what, count in played.items()))  # noqa: T201
    return 1 if played["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
