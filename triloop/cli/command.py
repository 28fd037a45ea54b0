"""The commands and their options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from triloop.cli import bench, doctor, program

__all__ = ["main", "make_parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name.

    Args:
        arguments: The command line, without the name of the program; None: that of the process.

    Returns:
        The exit code: 0 for success; the help of each command gives the others.
    """
    options = make_parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except BrokenPipeError:  # the reader of the pipe has closed it
        sys.stderr.close()
        return 0


def make_parser() -> argparse.ArgumentParser:
    """Make the parser, from which shell completion can be made too (with shtab, for example)."""
    parser = argparse.ArgumentParser(
        prog="triloop",
        description="Twisted, Tornado and asyncio code in one process and one thread.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (program, doctor, bench):
        module.add_to(commands)
    return parser
