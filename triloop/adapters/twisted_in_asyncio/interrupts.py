"""Interrupts in the loops of GUIs, which let no exception of a callback through.

From a callback of asyncio's own loops, and uvloop's, KeyboardInterrupt and SystemExit reach the
caller of ``run_forever``. A GUI's loop calls its callbacks from C: PySide and PyGObject print the
KeyboardInterrupt and go on, and leave the process at once for a SystemExit; PyQt aborts. So where
the run is one of this package's, the loop is stopped, and the run raises the exception.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["interruptible", "stop_run"]

#: The loops in runs of this package's, each with what is to end its run.
_runs: dict[asyncio.AbstractEventLoop, list[BaseException]] = {}


@contextmanager
def interruptible(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Raise at the end of the block what :func:`stop_run` was given; the block runs ``loop``."""
    outer = _runs.get(loop)
    reasons = _runs[loop] = []
    try:
        yield
    except RuntimeError:
        if not reasons:  # otherwise it says that the loop was stopped
            raise
    finally:
        if outer is None:
            del _runs[loop]
        else:
            _runs[loop] = outer
    if reasons:
        raise reasons[0]


def stop_run(loop: asyncio.AbstractEventLoop, reason: BaseException) -> bool:
    """Stop ``loop``, and have its run raise ``reason``.

    Returns:
        Whether it is in an :func:`interruptible` run; if not, nothing was done.
    """
    reasons = _runs.get(loop)
    if reasons is None:
        return False
    reasons.append(reason)
    loop.stop()
    return True
