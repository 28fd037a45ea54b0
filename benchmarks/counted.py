"""A program whose interpreter steps are counted: ``python -m benchmarks.counted MODULE ...``.

A step is one instruction of the interpreter's, in the thread that runs the loop. SIGUSR1 begins;
the next one ends, and prints the steps of each function as JSON. A program that measures itself
waits for a line at both ends of its measurement.
"""

from __future__ import annotations

import json
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from threading import get_ident
from types import CodeType, FrameType
from typing import Any

from benchmarks import contenders
from benchmarks.stopwatch import Stopwatch

__all__: list[str] = []

#: Seconds of a turn of ours. A program that is counted is many times slower than it would be, and
#: would do less in a turn.
_TURN_BUDGET = 0.05


class Steps:
    """Counts the steps of this thread while it is on."""

    def __init__(self) -> None:
        self._steps: Counter[CodeType] = Counter()
        self._thread = get_ident()
        self._on = False

    def switch(self, signum: int, frame: FrameType | None) -> None:
        """Begin; or end, and print what was counted. Handles a signal."""
        self._on = not self._on
        self._watch(frame)
        if not self._on:
            steps: Counter[str] = Counter()
            for code, number in self._steps.items():
                steps[_name(code)] += number
            sys.stdout.write(json.dumps(steps) + "\n")
            sys.stdout.flush()

    if sys.version_info >= (3, 12):

        def _watch(self, frame: FrameType | None) -> None:
            monitoring = sys.monitoring
            tool, event = monitoring.PROFILER_ID, monitoring.events.INSTRUCTION
            if self._on:
                monitoring.use_tool_id(tool, "steps")
                monitoring.register_callback(tool, event, self._count)
            monitoring.set_events(tool, event if self._on else monitoring.events.NO_EVENTS)

        def _count(self, code: CodeType, offset: int) -> None:
            if get_ident() == self._thread:
                self._steps[code] += 1

    else:

        def _watch(self, frame: FrameType | None) -> None:
            sys.settrace(self._count if self._on else None)
            while frame is not None:
                frame.f_trace = self._count if self._on else None
                frame.f_trace_opcodes = self._on
                frame = frame.f_back

        def _count(self, frame: FrameType, event: str, arg: object) -> Any:
            if event == "opcode":
                self._steps[frame.f_code] += 1
            elif event == "call":
                frame.f_trace_opcodes = True
            return self._count


def _name(code: CodeType) -> str:
    """The function, with the end of its module's path."""
    path = Path(code.co_filename)
    name = getattr(code, "co_qualname", code.co_name)
    return f"{path.parent.name}/{path.stem}: {name}"


def _wait_for_a_line() -> None:
    sys.stdout.write("\n")
    sys.stdout.flush()
    sys.stdin.readline()


def main() -> None:
    """Run the module, with what follows as its arguments."""
    contenders.die_with_parent()
    signal.signal(signal.SIGUSR1, Steps().switch)
    Stopwatch.pauses.append(_wait_for_a_line)
    contenders.options["turn_budget"] = _TURN_BUDGET
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
