"""The commands and their options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from triloop.cli import bench, doctor, program, terminal

__all__ = ["main", "make_parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name.

    Args:
        arguments: The command line, without the name of the program; None: that of the process.

    Returns:
        The exit code: 0 for success; the help of each command gives the others.
    """
    options = make_parser().parse_args(arguments)
    return int(options.command(options))


def make_parser() -> argparse.ArgumentParser:
    """Make the parser, from which shell completion is made too."""
    parser = argparse.ArgumentParser(
        prog="triloop",
        description="Twisted, Tornado and asyncio code in one process and one thread.",
    )
    parser.add_argument("--version", action="version", version=f"triloop {version('triloop')}")
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=("bash", "zsh", "tcsh"),
        help="print a script for that shell, which completes the commands and options",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (program, doctor, bench):
        module.add_to(commands)
    return parser


class _PrintCompletion(argparse.Action):
    """Prints the script, and exits."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: object, values: Any, option: object = None
    ) -> None:
        try:
            import shtab
        except ImportError:
            sys.exit("triloop: completion is made by shtab: pip install 'triloop[cli]'")
        terminal.say(shtab.complete(parser, shell=values))
        parser.exit()
