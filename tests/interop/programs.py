"""A script of many programs: each call of it runs one, by its name."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

import twisted.internet.tcp


def run_program(programs: dict[str, Any]) -> None:
    """Run the one that the command line names, without what would be noise in debug mode.

    Args:
        programs: Functions by their names; a module's globals will do.
    """
    # Debug mode would tell of a busy machine.
    logging.getLogger("asyncio").addFilter(lambda record: "Executing" not in record.msg)
    asyncio.set_event_loop(None)  # or Python before 3.14 makes one at the first use
    # Twisted keeps a spare descriptor for the day when there is none left, and never closes it.
    twisted.internet.tcp._reservedFD.reserve()
    program: Callable[[], object] = programs[sys.argv[1]]
    program()
    twisted.internet.tcp._reservedFD.available()
