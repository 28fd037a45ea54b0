"""Runs one of the programs of a script, by its name."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any

import twisted.internet.tcp


def run_program(programs: dict[str, Any]) -> None:
    """Run the program that the command line names, without the noise of debug mode.

    Args:
        programs: Functions by their names, for example a module's globals.
    """
    # Debug mode would log slow callbacks on a busy machine.
    logging.getLogger("asyncio").addFilter(lambda record: "Executing" not in record.msg)
    asyncio.set_event_loop(None)  # or Python before 3.14 makes one at the first use
    # Twisted keeps a spare descriptor for when there is none left, and never closes it.
    twisted.internet.tcp._reservedFD.reserve()
    program: Callable[[], object] = programs[sys.argv[1]]
    program()
    twisted.internet.tcp._reservedFD.available()
