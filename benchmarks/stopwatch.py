"""What a program that measures itself prints: its operations, CPU nanoseconds and seconds."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import ClassVar

__all__ = ["Stopwatch", "leave_imports_out"]


def leave_imports_out() -> None:
    """Keep what there is from the garbage collector, whose cost would depend on all imports."""
    gc.collect()
    gc.freeze()


class Stopwatch:
    """Counts operations until :meth:`over`.

    Args:
        seconds: How long; a program that ends by itself needs none.
    """

    #: Each is called before the first operation, and after the last one.
    pauses: ClassVar[list[Callable[[], None]]] = []

    def __init__(self, seconds: float = 0.0) -> None:
        gc.collect()  # earlier garbage would be collected within the measurement
        self.operations = 0
        self._pause()
        self._started = time.perf_counter()
        self._cpu = time.process_time_ns()
        self._end = self._started + seconds

    def over(self) -> bool:
        """Whether the time is up."""
        return time.perf_counter() >= self._end

    def report(self) -> dict[str, float]:
        """What it cost so far: the CPU time of the whole process, and the seconds it took."""
        cpu = time.process_time_ns() - self._cpu
        seconds = time.perf_counter() - self._started
        return {"operations": self.operations, "cpu_ns": cpu, "seconds": seconds}

    def tell(self) -> None:
        """Print the report, for the process that started this one."""
        sys.stdout.write(json.dumps(self.report()) + "\n")
        sys.stdout.flush()
        self._pause()

    def _pause(self) -> None:
        for pause in self.pauses:
            pause()
